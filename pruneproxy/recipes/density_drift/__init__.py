"""Does the best learning rate move with density, and does the parametrisation of SuPar (2405.15743) hold it?"""

from pruneproxy.recipes.density_drift.frames import frame
from pruneproxy.recipes.density_drift.protocol import PARAMETRISATIONS, PROTOCOL, Case, entries, masked, narrowed
from pruneproxy.recipes.density_drift.quantities import JUDGE, Quantities, answer
from pruneproxy.recipes.recipe import Recipe, loaded_when_asked_for

RECIPE = Recipe(
    stem="density_drift",
    title="Does the best learning rate move with density?",
    protocol=PROTOCOL,
    entries=entries,
    frame=frame,
    judge=JUDGE,
)
cases, cut, grid, specs = RECIPE.cases, RECIPE.cut, RECIPE.grid, RECIPE.specs
__getattr__ = loaded_when_asked_for(__name__, "figures")
