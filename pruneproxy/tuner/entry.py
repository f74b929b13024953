"""Search on a cheaper copy, train the network itself with what was found, and say what that cost and lost."""

import numbers
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from pruneproxy import search as searches
from pruneproxy.asking.piloting import pilot
from pruneproxy.asking.subject import Subject, Train
from pruneproxy.errors import UserError
from pruneproxy.examples import Example
from pruneproxy.limits import MOST
from pruneproxy.search import Trial, storages
from pruneproxy.space import Dimension, Range, written
from pruneproxy.surgery import foreign
from pruneproxy.tuner.result import Result
from pruneproxy.tuner.taking import Taken, Way, take
from pruneproxy.tuner.work import Work, digest, plain
from pruneproxy.tuning import Search, Trainer
from pruneproxy.tuning.plans import shown, takes

EXAMPLE = 32  # inputs
TRIED = 3  # settings that a copy likes best and the network tries again


def tune(
    factory: foreign.Factory,
    train: Train,
    space: Mapping[str, Range | list | Dimension],
    *,
    example: Example | None = None,
    proxy: Way = "auto",
    trials: int = 20,
    margin: float | None = None,
    search: Search | None = None,
    storage: str = "memory",
    name: str = "",
) -> Result:
    """Hyperparameters for the network of `factory`, searched on a cheaper copy of it where that is safe: a `Result`.

    `factory()` makes the network. `train(network, settings, *, seed, report)` trains a network in place and returns its
    score, larger is better (NaN: diverged); it may call `report(epoch, score)`, which returns True when the trial
    should stop. `tuning.Trainer` is such a function; with another one, `example` is a mini-batch of the network's
    inputs. `space` names the hyperparameters: `{"lr": tuning.log(1e-4, 1), "batch_size": [32, 64]}`.

    `proxy` says what is searched on:

    - "auto": a pilot tries some settings on the network and on copies of it (pruned, narrower, fewer images or epochs,
      smaller images), and the cheapest safe copy is taken. Where none is safe, or the pilot would cost more than it
      saves (it does for a few dozen trials), the network itself is: "not worth it: tune directly".
      `Result.taken.why` says which it was and why. A `pruneproxy.asking.Plan` says how the pilot is made, and a `Pilot`
      that was made already is asked for its advice;
    - "none": the network itself;
    - the name of a copy, such as "subset", or `tuning.Pruned(percentile=85, ...)`: that one, unasked.

    The search makes `trials` trials. With a `margin`, in units of the score (else the pilot's, if one was made), it
    ends when those that are left can hardly change the choice by more (the rule is that of `search.ending.settled`).
    What the pilot has trained enters the searches as finished trials, and the copy's three best settings are tried
    again on the network; of the three best there the one is chosen that is best on further seeds. `search`, a
    `tuning.Search`, says more: sampler, pruner, seeds, finalists, against what regret is measured, and who hears of
    trials. No argument is changed.

    With `storage` "sqlite:///FILE" or "journal:FILE" a killed call goes on where it was when it is made again, and the
    studies open in Optuna's dashboard: `optuna-dashboard sqlite:///FILE`, or `optuna-dashboard FILE` for a journal.
    Their names begin with `name`, or with that of the factory. Other numbers, another space, network or training
    function make other studies; give another `name` when something has changed that their source code does not show,
    such as the data of a function of your own.

    >>> trainer = tuning.Trainer(images, labels)
    >>> space = {"lr": tuning.log(1e-3, 1), "batch_size": [32, 64, 128]}
    >>> print(pruneproxy.tune(make_network, trainer, space, trials=100, margin=0.5))
    """
    how = search or Search()
    _check(train, trials, margin)
    storages.check(storage)
    subject = _subject(factory, train, space, example)
    taken = take(
        proxy,
        subject,
        trials=trials,
        finish=how.finish,
        seed=how.seed,
        margin=margin,
        ask=lambda about, plan: pilot(about, plan, records=storages.beside(storage, "pilot")),
    )
    work = Work(
        subject=subject,
        taken=taken,
        how=how,
        trials=trials,
        margin=margin if margin is not None or taken.pilot is None else taken.pilot.margin,
        storage=storage,
        study=_study(name or subject.name, subject, taken, how, trials),
    )
    return _result(work)


def _subject(factory, train: Train, space, example: Example | None) -> Subject:
    """What is tuned; a trainer has examples of its own."""
    if example is None and not isinstance(train, Trainer):
        raise UserError(
            "expected example= with a training function, got none: give a mini-batch of the network's inputs"
        )
    dimensions, name = written(space), getattr(factory, "__name__", type(factory).__name__)
    return Subject(
        name="the network" if name == "<lambda>" else name,
        factory=factory,
        train=train,
        space=dimensions,
        example=train.example(EXAMPLE) if example is None else example,
    )


def _study(name: str, subject: Subject, taken: Taken, how: Search, trials: int) -> str:
    """A name for the studies of this call: readable, and another one for another question."""
    said = {
        "subject": subject.digest,
        "space": [asdict(dimension) for dimension in subject.space],
        "copy": taken.said,
        "search": [*how.said, trials],
    }
    return f"{plain(name)}-on-{plain(taken.copy)}-{digest(said)}"


def _result(work: Work) -> Result:
    """Everything that was asked for, in the order in which it is worth having."""
    arms = _arms(work)
    best = _chosen(work, next(arms[what] for what in ("again", "full", "proxy") if what in arms))
    scores, direct, direct_scores = work.scores(best.settings), None, {}
    if not work.taken.direct:
        if work.how.compare in ("search", "both"):
            arms["full"] = work.anew()
            direct = _chosen(work, arms["full"])
            direct_scores = work.scores(direct.settings)
        if work.how.compare in ("configurations", "both"):
            arms |= work.drawn()
    return Result(
        taken=work.taken,
        best=best,
        scores=scores,
        direct=direct,
        direct_scores=direct_scores,
        trials=arms,
        planned=work.trials,
        margin=work.margin,
        tested=work.test is not None,
        study=work.study,
    )


def _arms(work: Work) -> dict[str, list[Trial]]:
    """The trials on the copy and those that follow on the network, or those on the network alone."""
    known = work.taken.known("network")
    if work.taken.direct:
        return {"full": work.on_network(work.trials, known=known)}
    arms = {"proxy": work.on_copy()}
    if work.how.finish:
        again = [trial.settings for trial in favourites(arms["proxy"], min(TRIED, work.how.finish))]
        arms["again"] = work.on_network(len(known) + work.how.finish, first=again, known=known)
    return arms


def favourites(trials: list[Trial], count: int) -> list[Trial]:
    """The best trials of different settings, the best one first."""
    found: list[Trial] = []
    left = [trial for trial in trials if trial.value is not None]
    while left and len(found) < count:
        best = searches.best(left)
        left = [trial for trial in left if trial.settings != best.settings]
        found.append(best)
    return found


def _chosen(work: Work, trials: list[Trial]) -> Trial:
    """The best trial, or of the finalists the one with the best mean; one that diverges with a seed is the worst.

    What the pilot found best over seeds is a finalist, too.
    """
    best = searches.best(trials)
    if work.how.finalists == 1 or not work.how.seeds:
        return best

    def mean(trial: Trial) -> float:
        return float(np.nan_to_num(np.mean(list(work.finals(trial.settings).values())), nan=-np.inf))

    finalists = favourites(trials, work.how.finalists)
    steady = [trial for trial in trials if trial.settings == work.taken.steadiest and trial.value is not None]
    return max([*finalists, *steady], key=mean)


def _check(train, trials, margin) -> None:
    if not takes(train, None, {}, seed=0, report=None):
        raise UserError(
            f"expected a function train(network, settings, *, seed, report) that returns a score, got {shown(train)}: "
            f"write one with these arguments or pass a tuning.Trainer"
        )
    if type(trials) is not int or not 1 <= trials <= MOST:
        raise UserError(f"expected a whole number of trials of at least 1, got {trials!r}")
    if margin is not None and not (isinstance(margin, numbers.Real) and margin > 0):
        raise UserError(f"expected a margin above 0 in units of the score, got {margin!r}")
