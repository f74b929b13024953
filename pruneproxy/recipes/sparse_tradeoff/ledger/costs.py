"""Rows on multiplications."""

from pruneproxy.recipes.sparse_tradeoff.ledger.rows import rows_of

_row = rows_of("test_ledger_sparse")

ROWS = (
    _row(
        "unit of cost",
        "Sec. 4.2.2",
        text="FLOPs, by which multiplications are meant",
        code="multiplications of convolutions and dense layers; twice as many until the last change of the code",
        ours="multiplications",
        why="Table 5.1 prints 2.79e6 for the fixed MLP, which are single multiplications",
        option="pruneproxy.costs.CONVENTIONS",
        test="table_5_1_counts_multiplications",
    ),
    _row(
        "sparsity in Algorithm 1",
        "Algorithm 1; Sec. 4.2.2",
        text="the cost of a layer is multiplied by its sparsity",
        code="by the share that is kept",
        ours="by the share that is kept",
        why="Table 5.1 says 0.10 at a sparsity of 0.9",
        test="the_share_that_is_kept_fits_table_5_1",
    ),
    _row(
        "equation 4.5",
        "Eq. 4.5; Algorithm 1",
        text="3 x interval + 2 x sparse + dense in the equation, 3 x sparse x interval + ... in the algorithm",
        code="as the algorithm",
        ours="as the algorithm",
        why="without the factor an ordinary step costs three multiplications",
        option="pruneproxy.costs.RIGL_CHARGED",
        test="the_equation_as_printed_loses_the_cost_of_ordinary_steps",
    ),
    _row(
        "charge of RigL",
        "Algorithm 1; Eq. 4.5",
        text="an average over the interval",
        code="charged over the whole run, after the last update and if there never is one",
        ours="as the code; what was performed is an option",
        why="the text's formula; with an update at every tenth step the two differ in cost",
        option="pruneproxy.costs.RIGL_CHARGED",
        test="updates_that_never_come_are_charged_too",
        effect="training multiplications of every RigL run under both",
    ),
    _row(
        "uncounted multiplications",
        "Algorithm 1; Sec. 4.2.2",
        text="every convolution counts",
        code="1x1 projections do not count, and maps of 36 x 36 count as 32 x 32: a ResNet-20 executes 1.27 times what "
        "is printed",
        ours="all that is executed counts",
        why="the text states it",
        option="pruneproxy.costs.CONVENTIONS",
        test="a_resnet_of_the_code_executes_a_quarter_more_than_it_counts",
    ),
    _row(
        "images charged",
        "Algorithm 1; Sec. 5.2",
        text="epochs times training samples",
        code="four fifths of them in the search, all of them when the trade-off is trained anew",
        ours="the images that the run trains on",
        why="so it was trained; costs of a search and of its trade-off differ by a factor of 1.25",
        option="pruneproxy.costs.training",
        test="folds_make_training_cheaper_by_a_fifth",
    ),
    _row(
        "dropped images charged",
        "Algorithm 1",
        text="every sample once per epoch",
        code="images that do not fill a batch are left out and charged",
        ours="no image is left out",
        why="the text states it",
        option="pruneproxy.train.TrainConfig.drop_last",
        test="images_that_fill_no_batch_are_charged_without_a_step",
    ),
)
