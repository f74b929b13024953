"""What a study begins with: trials that were made elsewhere, settings to try first, and what is said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial


@dataclass(frozen=True, kw_only=True)
class Start:
    """How a study begins.

    `known` are finished trials of the same objective, which enter it as they are (Optuna's `add_trial`), `first` are
    settings that are tried before any is proposed (`enqueue_trial`), and `about` are attributes of the study for
    whoever opens it. Both count among the trials of the study.
    """

    known: Sequence = ()
    first: Sequence[Mapping[str, object]] = ()
    about: Mapping[str, object] = field(default_factory=dict)


def begin(study: optuna.Study, start: Start, space: Mapping[str, BaseDistribution], heard) -> None:
    """Puts into a study what is missing of its start; `heard(trial)` are the values that it is told of a known one.

    A process that died in the midst of this has left the first ones.
    """
    for name, value in start.about.items():
        if study.user_attrs.get(name) != value:
            study.set_user_attr(name, value)
    there = len(study.get_trials(deepcopy=False))
    for trial in start.known[there:]:
        study.add_trial(_finished(trial, space, heard(trial)))
    for settings in start.first[max(0, there - len(start.known)) :]:
        study.enqueue_trial(dict(settings))


def _finished(trial, space: Mapping[str, BaseDistribution], values: Sequence[float]) -> FrozenTrial:
    outcome = {name: value for name, value in asdict(trial).items() if name not in ("number", "settings")}
    return create_trial(
        state=TrialState.COMPLETE,
        params=dict(trial.settings),
        distributions={field: kind for field, kind in space.items() if field in trial.settings},
        values=list(values),
        user_attrs={"outcome": outcome, "made": "elsewhere"},
    )
