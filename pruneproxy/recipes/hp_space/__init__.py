"""Paper 001, Matthiesen 2023: does pruning move the good region of learning rate and weight decay?"""

from pruneproxy.recipes.hp_space.frames import architectures, frame
from pruneproxy.recipes.hp_space.protocol import PAPER, SCALES, Case, cases, cut, exponents, grid, parameters, specs, variant

STEM = "hp_space"
TITLE = "Does pruning move the good region of learning rate x weight decay?"

__all__ = ["PAPER", "SCALES", "STEM", "TITLE", "Case", "architectures", "cases", "cut", "exponents", "frame", "grid",
           "parameters", "specs", "variant"]
