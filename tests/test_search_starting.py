"""What a study begins with: finished trials of elsewhere, settings to try first, and what it says of itself."""

import math

import optuna
import pytest

from pruneproxy import search
from pruneproxy.search import Outcome, Trial
from pruneproxy.search.starting import Start
from pruneproxy.space import log, written

SPACE = written({"lr": log(1e-3, 1.0), "size": [16, 32]})
FIRST = ({"lr": 0.1, "size": 32}, {"lr": 0.2, "size": 16})


def known(*values):
    words = {"epochs": 3, "seconds": 1.0, "multiplications": None, "run": None}
    return [
        Trial(
            number=number,
            settings={"lr": 0.01 * (number + 1), "size": 16},
            value=value,
            state="diverged" if value is None else "complete",
            **words,
        )
        for number, value in enumerate(values)
    ]


class Evaluate:
    """Scores settings, counts the calls, and dies before one of them."""

    def __init__(self, *, dies=math.inf):
        self.made, self.dies = [], dies

    def __call__(self, settings, report):
        if len(self.made) == self.dies:
            raise KeyboardInterrupt
        self.made.append(settings)
        return Outcome(value=-abs(math.log10(settings["lr"]) + 1))


def found(evaluate, **choices):
    return search.optimise(evaluate, SPACE, **{"name": "s", "trials": 8, **choices})


def test_finished_trials_enter_as_they_are_and_settings_are_tried_before_any_is_proposed():
    evaluate, start = Evaluate(), Start(known=known(1.0, 2.0, None), first=FIRST)
    trials = found(evaluate, start=start)
    assert trials[:3] == list(start.known) and len(trials) == 8
    assert evaluate.made[:2] == list(FIRST) == [trial.settings for trial in trials[3:5]]
    assert len(evaluate.made) == 5


@pytest.mark.parametrize("sampler", ["tpe", "gp", "cma-es", "random", "lhs"])
def test_every_sampler_goes_on_from_what_it_begins_with(sampler):
    trials = found(Evaluate(), sampler=sampler, start=Start(known=known(-1.0, -2.0), first=FIRST))
    assert len(trials) == 8 and len({trial.settings["lr"] for trial in trials}) == 8


def test_a_sampler_object_of_optuna_goes_on_from_it_too():
    sampler = optuna.samplers.TPESampler(seed=1, n_startup_trials=2)
    trials = found(Evaluate(), sampler=sampler, start=Start(known=known(-1.0, -2.0), first=FIRST))
    assert [trial.settings for trial in trials[2:4]] == list(FIRST) and len(trials) == 8


def test_trials_without_values_on_the_way_do_not_disturb_a_pruner():
    def evaluate(settings, report):
        stopped = any(report(epoch, settings["lr"] * epoch) for epoch in range(1, 10))
        return Outcome(value=settings["lr"], state="stopped" if stopped else "complete")

    for pruner in ("hyperband", optuna.pruners.MedianPruner(n_startup_trials=1)):
        trials = found(evaluate, pruner=pruner, epochs=9, trials=14, start=Start(known=known(0.5, None), first=FIRST))
        assert len(trials) == 14 and "stopped" in {trial.state for trial in trials[4:]}


@pytest.mark.parametrize("kind", ["sqlite:///{}", "journal:{}"])
@pytest.mark.parametrize("dies", [0, 1, 3])
def test_a_killed_study_begins_once_and_goes_on_where_it_was(kind, dies, tmp_path):
    start, storage = Start(known=known(1.0, 2.0), first=FIRST), kind.format(tmp_path / "studies")
    whole = found(Evaluate(), start=start)
    with pytest.raises(KeyboardInterrupt):
        found(Evaluate(dies=dies), start=start, storage=storage)
    rest = Evaluate()
    assert [t.settings for t in found(rest, start=start, storage=storage)] == [t.settings for t in whole]
    assert len(rest.made) == 6 - dies


def test_a_start_that_was_cut_short_is_completed(tmp_path):
    storage = f"journal:{tmp_path}/s"
    found(Evaluate(), storage=storage, trials=1, start=Start(known=known(1.0)))
    trials = found(Evaluate(), storage=storage, start=Start(known=known(1.0, 2.0), first=FIRST))
    assert [trial.value for trial in trials[:2]] == [1.0, 2.0]
    assert [trial.settings for trial in trials[2:4]] == list(FIRST)


def test_a_study_ends_early_when_enough_is_known_but_not_before_what_is_to_be_tried(tmp_path):
    storage, start = f"journal:{tmp_path}/s", Start(known=known(1.0), first=FIRST)

    def enough(trials):
        return len(trials) >= 2

    assert len(found(Evaluate(), storage=storage, start=start, enough=enough)) == 3
    again = Evaluate()
    assert len(found(again, storage=storage, start=start, enough=enough)) == 3 and not again.made
    assert len(found(again, storage=storage, start=start)) == 8
