"""Paper 002, Suidgeest 2024: the accuracy-efficiency trade-off of sparse training, and what it depends on."""

from pruneproxy.evidence import ledger
from pruneproxy.recipes.sparse_tradeoff import arithmetic, figures, fronts, influence, leak, prior, reanalysis, tables
from pruneproxy.recipes.sparse_tradeoff.claims import CLAIMS, by_network, check, evaluate, printed_verdicts, quantity
from pruneproxy.recipes.sparse_tradeoff.experiments import entries, grid, space, specs
from pruneproxy.recipes.sparse_tradeoff.frames import Frames, frame, select
from pruneproxy.recipes.sparse_tradeoff.protocol import EXPERIMENTS, PAPER, SCALES, Case, cases, cut, parameters

STEM = "sparse_tradeoff"
TITLE = "What does sparse training trade for efficiency, and which hyperparameters decide it?"
ROWS = ledger.read(STEM)

__all__ = [
    "CLAIMS",
    "EXPERIMENTS",
    "PAPER",
    "ROWS",
    "SCALES",
    "STEM",
    "TITLE",
    "Case",
    "Frames",
    "arithmetic",
    "by_network",
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
