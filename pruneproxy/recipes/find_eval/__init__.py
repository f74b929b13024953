"""Paper 003: other hyperparameters to find a mask than to train it; layerwise ratios as the reason."""

from pruneproxy.recipes.find_eval import tables
from pruneproxy.recipes.find_eval.claims import JUDGE
from pruneproxy.recipes.find_eval.experiments import entries
from pruneproxy.recipes.find_eval.frames import frame
from pruneproxy.recipes.find_eval.protocol import EXPERIMENTS, PAPER, PROTOCOL, Case
from pruneproxy.recipes.recipe import Recipe, loaded_when_asked_for

RECIPE = Recipe(
    stem="find_eval",
    title="Are the best settings to find a mask the best settings to train it?",
    protocol=PROTOCOL,
    entries=entries,
    frame=frame,
    judge=JUDGE,
)
cases, cut, grid, specs = RECIPE.cases, RECIPE.cut, RECIPE.grid, RECIPE.specs
check, evaluate, printed_verdicts = JUDGE.check, JUDGE.evaluate, JUDGE.printed_verdicts
__getattr__ = loaded_when_asked_for(__name__, "figures")
