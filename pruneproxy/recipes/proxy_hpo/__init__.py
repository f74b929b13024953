"""Paper 000, Lee & Yim 2022: is a network pruned at initialisation a good proxy for hyperparameter search?"""

from pruneproxy.recipes.frames import select
from pruneproxy.recipes.proxy_hpo import equal_cost, reanalysis, tables
from pruneproxy.recipes.proxy_hpo.claims import JUDGE
from pruneproxy.recipes.proxy_hpo.experiments import SOURCES, entries, search, settings, space
from pruneproxy.recipes.proxy_hpo.frames import Frames, frame
from pruneproxy.recipes.proxy_hpo.protocol import EXPERIMENTS, PAPER, PROTOCOL, Case, linked
from pruneproxy.recipes.recipe import Recipe, loaded_when_asked_for
from pruneproxy.stats import proxies

RECIPE = Recipe(
    stem="proxy_hpo",
    title="Is a network pruned at initialisation a good proxy for hyperparameter search?",
    protocol=PROTOCOL,
    entries=entries,
    frame=frame,
    judge=JUDGE,
    linked=linked,
)
cases, cut, grid, specs = RECIPE.cases, RECIPE.cut, RECIPE.grid, RECIPE.specs
check, evaluate, printed_verdicts = JUDGE.check, JUDGE.evaluate, JUDGE.printed_verdicts
__getattr__ = loaded_when_asked_for(__name__, "figures")
