"""A pretended accelerator: its tensors' numbers lie in memory, and it refuses what a real device would refuse."""

import collections

import torch
from torch.utils import _pytree as pytree
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

NAME = "pretended"
looks: collections.Counter = collections.Counter()  # how often each operation has made the host wait for the device

WAITING = {"_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select", "unique", "_unique2"}
INDEXED = {
    "index",
    "index_put",
    "index_put_",
    "_index_put_impl_",
    "_unsafe_index",
}  # indices of the processor may go along
COPYING = {"copy_", "_to_copy", "_copy_from"}


class OnDevice(torch.Tensor):
    """A tensor of the pretended device; `numbers` is what it means, an ordinary tensor."""

    @staticmethod
    def __new__(cls, numbers):
        made = torch.Tensor._make_wrapper_subclass(
            cls, numbers.shape, strides=numbers.stride(), dtype=numbers.dtype, device=f"{NAME}:0"
        )
        made.numbers = numbers
        return made

    @property
    def data(self):
        """As torch's, the numbers with it."""
        return self.detach()

    @data.setter
    def data(self, other):
        torch.Tensor.data.__set__(self, other)
        self.numbers = other.numbers

    def tolist(self):
        """As torch's, which no subclass has."""
        looks["tolist"] += 1
        return self.numbers.tolist()

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return computed(func, args, dict(kwargs or {}))

    __torch_function__ = torch._C._disabled_torch_function_impl


of_device: dict[int, torch.Generator] = {}  # generators of the device, by what torch tells them apart


class Generator(torch.Generator):
    """A generator that is known to be the device's, if it is."""

    def __new__(cls, device="cpu"):
        made = super().__new__(cls, device="cpu")
        if torch.device(device).type == NAME:
            of_device[made._cdata] = made
        return made


def computed(func, args, kwargs):
    """What an operation gives, on the numbers; a mixture of devices is an error."""
    name = func.overloadpacket.__name__
    _check(name, args, kwargs)
    target = torch.device(kwargs.get("device") or NAME)
    leaves = target.type != NAME or (name == "copy_" and not isinstance(args[0], OnDevice))
    if name in WAITING or (leaves and target.type != "meta") or _counts_a_mask(name, args):
        looks[name] += 1
    if "device" in kwargs and target.type != "meta":
        kwargs["device"] = torch.device("cpu")
    kwargs.pop("pin_memory", None)
    raw = [pytree.tree_map_only(OnDevice, lambda one: one.numbers, part) for part in (args, kwargs)]
    found = func(*raw[0], **raw[1])
    if leaves:
        return found
    known = {id(one.numbers): one for one in pytree.tree_leaves((args, kwargs)) if isinstance(one, OnDevice)}
    return pytree.tree_map_only(torch.Tensor, lambda one: known[id(one)] if id(one) in known else OnDevice(one), found)


def _counts_a_mask(name, args) -> bool:
    """Whether an index is a mask, whose size only the device knows."""
    indices = args[1] if name in INDEXED and len(args) > 1 else ()
    return any(isinstance(one, OnDevice) and one.dtype in (torch.bool, torch.uint8) for one in indices)


def _check(name, args, kwargs):
    if name in COPYING:
        return
    host = [one for one in pytree.tree_leaves((args, kwargs)) if type(one) in (torch.Tensor, torch.nn.Parameter)]
    host = [one for one in host if one.ndim]  # a single number may go along
    if name in INDEXED:
        host = [one for one in host if all(one is not index for index in args[1])]
    if host:
        raise RuntimeError(
            f"{name}: expected all tensors on {NAME}, got one of shape {tuple(host[0].shape)} on the cpu"
        )
    generator = kwargs.get("generator")
    if generator is not None and generator._cdata not in of_device:
        raise RuntimeError(f"{name}: expected a generator of {NAME}, got one of the cpu")


def _empty(size, *, dtype=None, layout=None, device=None, pin_memory=None, memory_format=None):
    return OnDevice(torch.empty(size, dtype=dtype, memory_format=memory_format or torch.contiguous_format))


def _empty_strided(size, stride, *, dtype=None, layout=None, device=None, pin_memory=None):
    return OnDevice(torch.empty_strided(size, stride, dtype=dtype))


def _copy_from(source, target, non_blocking=False):
    (target.numbers if isinstance(target, OnDevice) else target).copy_(getattr(source, "numbers", source))
    looks["copy_"] += not isinstance(target, OnDevice)
    return target


class _Backend(_DummyBackendModule):
    def get_amp_supported_dtype(self):
        """Of autocast."""
        return [torch.bfloat16]

    def get_rng_state(self, device=0):
        """There is no generator of its own."""
        return torch.empty(0, dtype=torch.uint8)

    def set_rng_state(self, state, device=0):
        """Nothing to do."""


LOWERED = ("conv2d", "linear", "matmul", "mm", "addmm", "bmm", "baddbmm")  # of what autocast computes in half precision


def _lowered(name):
    packet = getattr(torch.ops.aten, name)
    outside = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)

    def rule(*args, **kwargs):
        lower = torch.get_autocast_dtype(NAME)
        args, kwargs = pytree.tree_map_only(
            torch.Tensor, lambda one: one.to(lower) if one.dtype == torch.float32 else one, (args, kwargs)
        )
        with torch._C._ExcludeDispatchKeyGuard(outside):
            return packet(*args, **kwargs)

    return rule


def start():
    """Makes the device known to torch, for as long as what it returns lives."""
    _setup_privateuseone_for_python_backend(NAME, backend_module=_Backend())
    kernels, others = torch.library.Library("aten", "IMPL"), torch.library.Library("_", "IMPL")
    kernels.impl("empty.memory_format", _empty, "PrivateUse1")
    kernels.impl("empty_strided", _empty_strided, "PrivateUse1")
    kernels.impl("_copy_from", _copy_from, "PrivateUse1")
    others.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    for name in LOWERED:
        kernels.impl(name, _lowered(name), "AutocastPrivateUse1")
    torch.Generator = Generator
    return kernels, others
