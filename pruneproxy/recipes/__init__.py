"""What each paper runs, shows and claims. A recipe is a module with SCALES, parameters(), specs(scale, **overrides)."""

from pruneproxy.recipes import hp_space, proxy_hpo

RECIPES = {proxy_hpo.STEM: proxy_hpo, hp_space.STEM: hp_space}
