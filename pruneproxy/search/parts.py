"""The sampler and the pruner of a study, by name or as objects of the caller's."""

from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler

from pruneproxy.errors import UserError, choose
from pruneproxy.search import pruners
from pruneproxy.search.repeating import Own, Repeatable, copied
from pruneproxy.search.samplers import SAMPLERS


def check_parts(sampler: str | BaseSampler, pruner: str | BasePruner):
    """Raises unless both are names that are known or objects of Optuna."""
    kinds = (("sampler", sampler, SAMPLERS, BaseSampler), ("pruner", pruner, pruners.PRUNERS, BasePruner))
    for what, part, names, kind in kinds:
        if isinstance(part, str):
            choose(part, names, what)
        elif not isinstance(part, kind):
            made = f": make one of the class {part.__name__}" if isinstance(part, type) else ""
            raise UserError(
                f"expected the name of a {what} ({', '.join(names)}) or a {what} object of Optuna, got {part!r}{made}"
            )


def check_several(sampler: str | BaseSampler, pruner: str | BasePruner = "none"):
    """Raises when a sampler or pruner cannot deal with several objectives."""
    if isinstance(sampler, str) and not choose(sampler, SAMPLERS, "sampler").several:
        able = [name for name, one in SAMPLERS.items() if one.several]
        raise UserError(f"expected a sampler for several objectives, got {sampler!r}: take one of {', '.join(able)}")
    if pruner != "none":
        raise UserError("expected no pruner with several objectives: set pruner to none")


def proposing(sampler: str | BaseSampler, *, seed: int, **choices) -> BaseSampler:
    """A sampler by its name, whose history repeats (`choices` are those of `Repeatable`), or the caller's own."""
    return Repeatable(sampler, seed=seed, **choices) if isinstance(sampler, str) else Own(sampler)


def stopping(pruner: str | BasePruner, *, study: str, epochs: int | None, sign: int):
    """What says whether a trial stops, or None; an object of the caller's is copied."""
    if pruner == "hyperband" and (not isinstance(epochs, int) or epochs < 1):
        raise UserError(f"expected the largest number of epochs for the pruner hyperband, got {epochs!r}")
    if isinstance(pruner, str):
        return pruners.make(pruner, study=study, epochs=epochs, sign=sign)
    return copied(pruner, "pruner")
