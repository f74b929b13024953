"""Paper 004: filter pruning that is guided by the ensemble of its own interim networks."""

from pruneproxy.recipes.ekg import tables
from pruneproxy.recipes.ekg.claims import JUDGE
from pruneproxy.recipes.ekg.experiments import entries
from pruneproxy.recipes.ekg.frames import frame
from pruneproxy.recipes.ekg.protocol import EXPERIMENTS, PAPER, PROTOCOL, Case
from pruneproxy.recipes.recipe import Recipe, loaded_when_asked_for

RECIPE = Recipe(
    stem="ekg",
    title="Does ensemble knowledge find and fine-tune better sub-networks?",
    protocol=PROTOCOL,
    entries=entries,
    frame=frame,
    judge=JUDGE,
)
cases, cut, grid, specs = RECIPE.cases, RECIPE.cut, RECIPE.grid, RECIPE.specs
check, evaluate, printed_verdicts = JUDGE.check, JUDGE.evaluate, JUDGE.printed_verdicts
__getattr__ = loaded_when_asked_for(__name__, "figures")
