"""Where a run ran: versions, device, commit; and the settings that make a run repeat bit for bit."""

import ctypes
import functools
import importlib.metadata
import platform
import subprocess
import sys
import time
from pathlib import Path

import torch

from pruneproxy.cache import SOURCE, source_hash
from pruneproxy.errors import UserError

THREADS = 1  # a CPU result is bit-identical only at one thread count, and one a worker is fastest with many workers
_PACKAGES = ("pruneproxy", "torch", "torchvision", "numpy", "scipy", "scikit-learn")
_MALLOC_SETTINGS = {-1: 2**31 - 1, -3: 2**30}  # glibc's M_TRIM_THRESHOLD, M_MMAP_THRESHOLD


def resolve_device(name: str) -> torch.device:
    """The device called `auto`, `cpu`, `cuda` or `cuda:N`; one that is not there is an error."""
    if not isinstance(name, str):
        raise UserError(f"unknown device {name!r}: expected auto, cpu, cuda or cuda:N")
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"unknown device {name!r}: expected auto, cpu, cuda or cuda:N") from error
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"unknown device {name!r}: expected auto, cpu, cuda or cuda:N")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"expected the CUDA device {name}, got a machine with {torch.cuda.device_count()}: use --device cpu"
        )
    return device


def settle():
    """Fixes threads, deterministic kernels and an allocator that keeps its pages, for this process."""
    torch.set_num_threads(THREADS)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    keep_pages()


@functools.cache
def keep_pages():
    """Tells glibc not to return freed memory: a training step frees and asks for the same blocks again and again."""
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        mallopt = ctypes.CDLL(None).mallopt
        for setting, value in _MALLOC_SETTINGS.items():
            mallopt(setting, value)


@functools.cache
def describe(device: str) -> dict:
    """What a record says about its surroundings."""
    kind = torch.device(device)
    return {
        "device": torch.cuda.get_device_name(kind) if kind.type == "cuda" else _processor(),
        "device_kind": kind.type,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "system": platform.system(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "commit": commit(),
        "source": source_hash(),
    } | ({"changed": list(changed())} if changed() else {})


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


@functools.cache
def commit() -> str | None:
    """The git commit of the package's source, with `+` when the source has been changed since, or None."""
    try:
        return _git("rev-parse", "--short=12", "HEAD") + ("+" if changed() else "")
    except (OSError, subprocess.CalledProcessError):
        return None


@functools.cache
def changed() -> tuple[str, ...]:
    """The files of the package that differ from the commit; none where there is no git."""
    try:
        lines = _git("status", "--porcelain", "--", str(SOURCE)).splitlines()
    except (OSError, subprocess.CalledProcessError):
        return ()
    return tuple(line.strip().split(maxsplit=1)[-1] for line in lines)


def _git(*words: str) -> str:
    made = subprocess.run(("git", "-C", str(SOURCE), *words), capture_output=True, text=True, check=True)
    return made.stdout.rstrip()


def peak_memory(device: torch.device) -> int | None:
    """Bytes: the most that this process has held on a CPU, or that torch has held on a GPU so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def clock(device: torch.device) -> float:
    """Seconds for measuring work: of this thread's processor time where one thread computes, of the wall elsewhere.

    Processor time does not count what other programs take away, so runs on a shared machine can be compared.
    """
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    return time.thread_time() if alone else time.perf_counter()


def energy(device: torch.device) -> float | None:
    """Joules that the driver has counted so far, or None where it does not tell."""
    if device.type != "cuda":
        return _package_energy()
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(device.index or 0)
        return pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000
    except Exception:  # no such package, driver or permission: all mean that nobody tells
        return None


def _package_energy() -> float | None:
    try:
        return int(Path("/sys/class/powercap/intel-rapl:0/energy_uj").read_text()) / 1e6
    except (OSError, ValueError):
        return None
