"""Paper 001, Matthiesen 2023: does pruning move the good region of learning rate and weight decay?"""

from pruneproxy.recipes.hp_space import noise, tables
from pruneproxy.recipes.hp_space.claims import JUDGE
from pruneproxy.recipes.hp_space.frames import architectures, frame
from pruneproxy.recipes.hp_space.protocol import PAPER, PROTOCOL, Case, entries, exponents, variant
from pruneproxy.recipes.hp_space.setup import counts_agree, paper_networks, protocol_table, stages
from pruneproxy.recipes.recipe import Recipe, loaded_when_asked_for

RECIPE = Recipe(
    stem="hp_space",
    title="Does pruning move the good region of learning rate x weight decay?",
    protocol=PROTOCOL,
    entries=entries,
    frame=frame,
    judge=JUDGE,
)
cases, cut, grid, specs = RECIPE.cases, RECIPE.cut, RECIPE.grid, RECIPE.specs
check, evaluate, printed_verdicts = JUDGE.check, JUDGE.evaluate, JUDGE.printed_verdicts
__getattr__ = loaded_when_asked_for(__name__, "figures", "networks")
