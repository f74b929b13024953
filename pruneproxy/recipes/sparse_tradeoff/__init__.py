"""Paper 002, Suidgeest 2024: the accuracy-efficiency trade-off of sparse training, and what it depends on."""

from pruneproxy.recipes.recipe import Recipe, loaded_when_asked_for
from pruneproxy.recipes.sparse_tradeoff import arithmetic, fronts, influence, leak, reanalysis, tables
from pruneproxy.recipes.sparse_tradeoff.claims import JUDGE, quantity
from pruneproxy.recipes.sparse_tradeoff.experiments import entries, space
from pruneproxy.recipes.sparse_tradeoff.frames import Frames, frame
from pruneproxy.recipes.sparse_tradeoff.protocol import EXPERIMENTS, PAPER, PROTOCOL, Case

RECIPE = Recipe(
    stem="sparse_tradeoff",
    title="What does sparse training trade for efficiency, and which hyperparameters decide it?",
    protocol=PROTOCOL,
    entries=entries,
    frame=frame,
    judge=JUDGE,
)
cases, cut, grid, specs = RECIPE.cases, RECIPE.cut, RECIPE.grid, RECIPE.specs
check, evaluate, printed_verdicts = JUDGE.check, JUDGE.evaluate, JUDGE.printed_verdicts
__getattr__ = loaded_when_asked_for(__name__, "figures")
