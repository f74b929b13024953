"""Paper 000, Lee & Yim 2022: is a network pruned at initialisation a good proxy for hyperparameter search?"""

from pruneproxy.evidence import ledger
from pruneproxy.recipes.proxy_hpo import reanalysis, tables
from pruneproxy.recipes.proxy_hpo.claims import JUDGE
from pruneproxy.recipes.proxy_hpo.experiments import SOURCES, entries, grid, search, settings, space, specs
from pruneproxy.recipes.proxy_hpo.frames import Frames, frame, select
from pruneproxy.recipes.proxy_hpo.protocol import EXPERIMENTS, PAPER, SCALES, Case, cases, cut, parameters
from pruneproxy.recipes.recipe import loaded_when_asked_for
from pruneproxy.stats import proxies

CLAIMS, check, evaluate, printed_verdicts = JUDGE.claims, JUDGE.check, JUDGE.evaluate, JUDGE.printed_verdicts
STEM = "proxy_hpo"
TITLE = "Is a network pruned at initialisation a good proxy for hyperparameter search?"
ROWS = ledger.read(STEM)
__getattr__ = loaded_when_asked_for(__name__, "figures")

__all__ = [
    "CLAIMS",
    "EXPERIMENTS",
    "JUDGE",
    "PAPER",
    "ROWS",
    "SCALES",
    "SOURCES",
    "STEM",
    "TITLE",
    "Case",
    "Frames",
    "cases",
    "check",
    "cut",
    "entries",
    "evaluate",
    "figures",
    "frame",
    "grid",
    "parameters",
    "printed_verdicts",
    "proxies",
    "reanalysis",
    "search",
    "select",
    "settings",
    "space",
    "specs",
    "tables",
]
