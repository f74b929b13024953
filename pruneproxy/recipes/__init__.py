"""What each paper runs, shows and claims. A recipe is a module with SCALES, parameters(), specs(scale, **overrides)."""

from pruneproxy.recipes import hp_space

RECIPES = {hp_space.STEM: hp_space}
