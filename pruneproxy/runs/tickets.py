"""The masks of tickets: as a round has stored them, or as random baselines of the same size."""

from torch import Tensor

from pruneproxy import magnitude
from pruneproxy.errors import UserError
from pruneproxy.randomness import generator
from pruneproxy.store import Store

MASKS = {
    "found": "those of the round, on the weights that it rewinds to",
    "random": "as many weights anywhere in the network, on new weights",
    "shuffled": "as many weights of every layer anywhere in it, on new weights",
    "reinitialised": "those of the round, on new weights",
}


def masks(spec, store: Store) -> dict[str, Tensor]:
    """The masks with which `spec` trains."""
    found = stored(spec.ticket.round, store)
    if spec.ticket.mask == "found":
        return found
    return magnitude.BASELINES[spec.ticket.mask](found, generator(spec.seed, "masks", spec.ticket.mask))


def stored(spec, store: Store) -> dict[str, Tensor]:
    """The masks of a round."""
    record, bits = store.get(spec.id), store.tensors(f"{spec.id}-masks")
    if record is None or bits is None:
        raise UserError(f"expected the masks of round {spec.number} in {store.folder}, found none: run it there first")
    return magnitude.unpacked(bits, {name: tuple(shape) for name, shape in record["shapes"].items()})
