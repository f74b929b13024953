"""What each paper runs, shows and claims, and what is asked beside. `recipe.Recipe` is the contract of all parts."""

from pruneproxy.recipes import density_drift, ekg, find_eval, hp_space, proxy_hpo, sparse_tradeoff

PARTS = (proxy_hpo, hp_space, sparse_tradeoff, find_eval, ekg, density_drift)
RECIPES = {part.RECIPE.stem: part.RECIPE for part in PARTS}
