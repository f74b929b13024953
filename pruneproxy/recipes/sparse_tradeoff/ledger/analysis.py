"""Rows on hypervolumes, importance and clusters."""

from pruneproxy.recipes.sparse_tradeoff.ledger.rows import rows_of

_row = rows_of("test_ledger_tradeoff")

ROWS = (
    _row(
        "base of the logarithm",
        "Sec. 4.3",
        text="the logarithm of both efficiencies, its base not named",
        code="not released",
        ours="base 10",
        why="normalising to 0..1 removes the base",
        option="pruneproxy.pareto.Objective.log",
        test="the_base_of_the_logarithm_changes_no_hypervolume",
    ),
    _row(
        "extremes of a normalisation",
        "Sec. 4.3; Tables 5.2, 5.5, 5.6 and 5.8",
        text="by the extremes of the observed trade-off, or of two experiments; whether dominated points count is not "
        "said, and the accuracy filter comes first",
        code="not released",
        ours="by the front of each experiment, or by all its points as an option; the filter comes first for what a "
        "search found, and the fixed configurations are not filtered",
        why="one extreme point changes all hypervolumes, so that only those of one table and data set compare",
        option="pruneproxy.pareto.volume",
        test="one_extreme_point_changes_the_hypervolume_of_all_others",
    ),
    _row(
        "least hypervolume",
        "Sec. 4.3",
        text="between 0.001 and 1.331",
        ours="as computed",
        why="a trade-off that is normalised by its own extremes has the best value of each objective somewhere: it "
        "covers at least 0.031, with a point for each, and 1.331 with a single point",
        test="a_front_normalised_by_itself_covers_at_least_0_031",
    ),
    _row(
        "cut-off",
        "Sec. 5.2",
        text="configurations at least as accurate as the worst fixed one count, on Elec2 as the second worst, because "
        "the worst one is near random there",
        code="not released",
        ours="the worst fixed configuration that is not near random, on every data set",
        why="small networks collapse at the highest sparsity on other data sets too, and then networks with a handful "
        "of multiplications would be most of the trade-off",
        option="pruneproxy.recipes.sparse_tradeoff.fronts.NEAR_RANDOM",
        test="a_collapsed_configuration_as_cut_off_lets_guessing_networks_in",
    ),
    _row(
        "importance of the algorithm",
        "Sec. 6.1.1; Tables D.1, D.2",
        text="the algorithm has an importance of 0.000 to 0.007 for the costs, though a third of the draws is dense",
        code="the released MO-fANOVA gives every dense network the default sparsity",
        ours="a random sparsity, which gives the algorithm what is its own",
        why="a value that all dense networks share tells them apart as well as the algorithm does, so that sparsity is "
        "given the algorithm's share",
        option="pruneproxy.importance.INACTIVE",
        test="a_sparsity_that_all_dense_networks_share_takes_the_share_of_the_algorithm",
        effect="importance of the algorithm under each treatment",
    ),
    _row(
        "inactive hyperparameters",
        "Sec. 6.1.1; Sec. 3.3.1",
        text="conditions are not considered by fANOVA, which is held to explain the rank of the first layer",
        code="the released MO-fANOVA puts the default where a hyperparameter is inactive",
        ours="must be named: the default, a level of its own, a random value, or only where it is active",
        why="each answers another question",
        option="pruneproxy.importance.INACTIVE",
        test="what_stands_for_an_inactive_layer_changes_its_importance",
        effect="importance of layer sizes under each treatment",
    ),
    _row(
        "weights of the importance scale",
        "Sec. 6.1; Sec. 3.3.2",
        text="from a sole focus on one objective to a sole focus on another",
        code="the weights of a point are its normalised costs, so that the one with the worst error stands for a focus "
        "on error",
        ours="as the code; the notebook shows even weights, which need the fewest forests",
        why="either end is a sole focus; in between the order of points is not the order of preference, so the other "
        "way round and even weights are options",
        option="pruneproxy.importance.WEIGHTS",
        test="the_point_with_the_worst_error_weighs_error_most",
    ),
    _row(
        "edges of densities",
        "Sec. 6.2.1; Fig. 6.2",
        text="distributions resemble beta distributions, for which the search or the density estimate may be the cause",
        code="not released",
        ours="as the text; mirrored at the edges as an option",
        why="a Gaussian kernel loses half of its mass at an edge, so that even draws look like a hump",
        option="pruneproxy.importance.BOUNDARIES",
        test="even_draws_look_like_a_hump",
    ),
    _row(
        "sign of the silhouettes",
        "Sec. 6.2.4",
        text="the biclustering did not lead to clear subsets",
        code="the thesis's package takes silhouettes, of which high ones are good, for costs, and keeps bad partitions",
        ours="high silhouettes stay; the package's sign is an option",
        why="planted clusters are found with the right sign and lost with the other, so that nothing follows from the "
        "thesis's result",
        option="pruneproxy.importance.SIGNS",
        test="planted_clusters_are_lost_with_the_sign_of_the_package",
        effect="silhouettes of partitions of the trade-off under both signs",
    ),
    _row(
        "medoids",
        "Sec. 6.2.4",
        text="the algorithm as published, whose medoids are members of their clusters",
        code="the point nearest to all members, from any cluster",
        ours="members",
        why="the definition",
        option="pruneproxy.importance.MEDOIDS",
        test="the_nearest_point_to_a_cluster_may_lie_in_another",
    ),
)
