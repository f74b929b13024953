"""What each paper runs, shows and claims. A recipe is a module with SCALES, parameters(), specs(scale, **overrides)."""

from pruneproxy.recipes import hp_space, proxy_hpo, sparse_tradeoff

RECIPES = {recipe.STEM: recipe for recipe in (proxy_hpo, hp_space, sparse_tradeoff)}
