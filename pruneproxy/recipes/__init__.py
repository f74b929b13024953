"""What each paper runs, shows and claims. `recipe.Recipe` is the contract that every part keeps."""

from pruneproxy.recipes import ekg, find_eval, hp_space, proxy_hpo, sparse_tradeoff

RECIPES = {part.RECIPE.stem: part.RECIPE for part in (proxy_hpo, hp_space, sparse_tradeoff, find_eval, ekg)}
