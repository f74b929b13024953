"""Rows on hyperparameter search, training and data."""

from pruneproxy.evidence.ledger import Row

TESTS = "tests/test_ledger_search.py::test_"


def _row(name: str, place: str, *, test: str, code: str = "-", option: str = "", **readings) -> Row:
    return Row(id=f"000 {name}", paper="000", place=place, test=TESTS + test, code=code, option=option, **readings)


ROWS = (
    _row(
        "search space",
        "Sec. 5.1; Table 2",
        text="learning rate, batch size and weight decay are searched, in one experiment also decay factor and "
        "momentum; whether on a linear or a logarithmic scale is not said",
        code="only the learning rate is searched, evenly from 0.00001 to 0.2; batch size 256 and weight decay 0.0005 "
        "are fixed, and nothing draws the momentum or the decay factor",
        ours="all hyperparameters of the text; learning rate and weight decay on logarithmic scales",
        why="the intervals of Table 2 span three to five decades, of which an even draw sees the last one",
        option="pruneproxy.search.Dimension.log",
        test="an_even_learning_rate_hardly_ever_is_a_small_one",
    ),
    _row(
        "trials",
        "Table 2; Sec. 5.3",
        text="50 trials, and 100 where five hyperparameters are searched",
        code="100 trials by default, and a default learning rate of 4 outside the searched interval",
        ours="50 and 100 at scale paper",
        why="the text states it",
        option="pruneproxy.search.SearchSpec.trials",
        test="more_trials_find_a_better_value_by_luck_alone",
    ),
    _row(
        "warm start",
        "Sec. 5.1",
        text="every trial trains the network with the proposed hyperparameters",
        code="one network serves all trials and is never drawn anew: a trial starts where the one before has ended",
        ours="each trial starts from the same initial weights",
        why="else a value depends on the order of the trials, later ones have been trained longer, and one that "
        "diverges spoils all that follow",
        option="pruneproxy.search.SearchSpec.warm_start",
        test="with_one_network_for_all_trials_equal_settings_get_unequal_values",
        effect="a search with warm_start beside one without: correlation of value and trial number",
    ),
    _row(
        "split",
        "Sec. 5.2; Table 1",
        text="accuracy on validation images in Sec. 5.2, on test images in the caption of Table 1",
        code="the test images, in the search as in the report",
        ours="images held out of the training data in the search, test images in the report",
        why="the best of many trials on the test images is too good an estimate of accuracy",
        option="pruneproxy.train.TrainConfig.evaluate_on",
        test="the_split_of_the_objective_changes_the_values_of_a_search",
        effect="winners of searches on either split, on the test images",
    ),
    _row(
        "objective",
        "Sec. 5.2",
        text="the accuracy of a trial, without saying after which epoch",
        code="the largest accuracy of all 160 epochs",
        ours="the accuracy after the last epoch",
        why="a largest value over epochs rewards fluctuation, which large learning rates have most of",
        option="pruneproxy.search.SearchSpec.best_of",
        test="the_largest_accuracy_of_all_epochs_is_not_the_last_one",
        effect="a search under each choice: the winners' learning rates",
    ),
    _row(
        "Hyperband",
        "Sec. 5.1",
        text="Hyperband is the pruner of the search space in all experiments",
        code="Hyperband is handed to Optuna, but values are never reported and no trial asks whether to stop",
        ours="no pruner unless one is asked for; Hyperband hears of every evaluated epoch",
        why="without early stopping every trial has the same length, so that the cost of a search is comparable",
        option="pruneproxy.search.SearchSpec.pruner",
        test="a_pruner_that_hears_nothing_stops_nothing",
        effect="share of epochs that Hyperband saves on target and on proxy",
    ),
    _row(
        "sampler",
        "Sec. 5.1",
        text="TPE, Bayesian optimisation and CMA-ES, mostly of Optuna, whose version and settings are not named",
        code="the samplers' defaults; TPE fitted each hyperparameter alone in the Optuna of that year",
        ours="TPE over all hyperparameters together; a quarter of a small budget is drawn at random, at most 10 trials",
        why="the default of the pinned Optuna; learning rate and weight decay act through their product",
        option="pruneproxy.search.SAMPLERS",
        test="the_default_of_tpe_has_changed_between_versions_of_optuna",
        effect="searches with tpe and tpe-univariate",
    ),
    _row(
        "optimizer",
        "Sec. 5.1",
        text="stochastic gradient descent with momentum 0.9, its rate divided by 10 after 80 and 120 epochs",
        code="Nesterov momentum; a gradient scaler without the mixed precision that it belongs to; the seed is set "
        "anew before each trial",
        ours="plain momentum, one precision, one seed for all trials of a search",
        why="the text states momentum; a scaler without half precision changes no step",
        option="pruneproxy.train.TrainConfig.nesterov",
        test="nesterov_momentum_trains_other_weights",
    ),
    _row(
        "scaler",
        "Sec. 5.1",
        text="nothing on precision",
        code="losses are scaled up and gradients down again, all in float32",
        ours="no scaling",
        why="the scale is a power of two, so that nothing changes",
        test="scaling_a_loss_by_a_power_of_two_changes_no_step",
    ),
    _row(
        "augmentation",
        "Sec. 5.1",
        text="random crops after padding by 4 pixels, and flips; on TinyImageNet padding by 6 pixels, and rotations",
        code="with probability one half the central 28 x 28 pixels enlarged to 32 x 32, and flips; on TinyImageNet "
        "enlarging, flips, rotations and a central crop",
        ours="those of the text; the code's as centre-flip",
        why="the text states them",
        option="pruneproxy.data.DataConfig.augment",
        test="a_central_crop_has_two_outcomes_and_a_random_crop_has_many",
    ),
    _row(
        "data sets",
        "Sec. 5.1",
        text="CIFAR-10, CIFAR-100 and TinyImageNet",
        code="CIFAR-10 cannot be chosen; importing the data module downloads STL-10, and importing a network's "
        "module builds it",
        ours="every data set by name; importing does nothing",
        why="all three have printed results",
        option="pruneproxy.data.CATALOGUE",
        test="all_data_sets_of_the_paper_can_be_chosen_and_importing_does_nothing",
    ),
)
