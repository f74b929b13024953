"""Paper 002, Suidgeest 2024: the accuracy-efficiency trade-off of sparse training, and what it depends on."""

from pruneproxy.evidence import ledger
from pruneproxy.recipes.recipe import loaded_when_asked_for
from pruneproxy.recipes.sparse_tradeoff import arithmetic, fronts, influence, leak, prior, reanalysis, tables
from pruneproxy.recipes.sparse_tradeoff.claims import JUDGE, quantity
from pruneproxy.recipes.sparse_tradeoff.experiments import entries, grid, space, specs
from pruneproxy.recipes.sparse_tradeoff.frames import Frames, frame, select
from pruneproxy.recipes.sparse_tradeoff.protocol import EXPERIMENTS, PAPER, SCALES, Case, cases, cut, parameters

CLAIMS, check, evaluate, printed_verdicts = JUDGE.claims, JUDGE.check, JUDGE.evaluate, JUDGE.printed_verdicts
STEM = "sparse_tradeoff"
TITLE = "What does sparse training trade for efficiency, and which hyperparameters decide it?"
ROWS = ledger.read(STEM)
__getattr__ = loaded_when_asked_for(__name__, "figures")

__all__ = [
    "CLAIMS",
    "EXPERIMENTS",
    "JUDGE",
    "PAPER",
    "ROWS",
    "SCALES",
    "STEM",
    "TITLE",
    "Case",
    "Frames",
    "arithmetic",
    "cases",
    "check",
    "cut",
    "entries",
    "evaluate",
    "figures",
    "frame",
    "fronts",
    "grid",
    "influence",
    "leak",
    "parameters",
    "printed_verdicts",
    "prior",
    "quantity",
    "reanalysis",
    "select",
    "space",
    "specs",
    "tables",
]
