"""Paper 001, Matthiesen 2023: does pruning move the good region of learning rate and weight decay?"""

from pruneproxy.evidence import ledger
from pruneproxy.recipes.hp_space import noise, tables
from pruneproxy.recipes.hp_space.claims import JUDGE
from pruneproxy.recipes.hp_space.frames import architectures, frame
from pruneproxy.recipes.hp_space.protocol import (
    PAPER,
    SCALES,
    Case,
    cases,
    cut,
    exponents,
    grid,
    parameters,
    specs,
    variant,
)
from pruneproxy.recipes.hp_space.setup import paper_networks, protocol_table, stages
from pruneproxy.recipes.recipe import loaded_when_asked_for

CLAIMS, check, evaluate, printed_verdicts = JUDGE.claims, JUDGE.check, JUDGE.evaluate, JUDGE.printed_verdicts
STEM = "hp_space"
TITLE = "Does pruning move the good region of learning rate x weight decay?"
ROWS = ledger.read(STEM)
__getattr__ = loaded_when_asked_for(__name__, "figures", "networks")

__all__ = [
    "CLAIMS",
    "JUDGE",
    "PAPER",
    "ROWS",
    "SCALES",
    "STEM",
    "TITLE",
    "Case",
    "architectures",
    "cases",
    "check",
    "cut",
    "evaluate",
    "exponents",
    "figures",
    "frame",
    "grid",
    "networks",
    "noise",
    "paper_networks",
    "parameters",
    "printed_verdicts",
    "protocol_table",
    "specs",
    "stages",
    "tables",
    "variant",
]
