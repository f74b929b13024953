"""What is too large for a line: arrays that later runs go on from, and states of interrupted runs, with checksums."""

import contextlib
import hashlib
import io
import os
import warnings
from pathlib import Path

from pruneproxy import durable
from pruneproxy.errors import Damaged, UserError

CHECK = "check"  # in the header of a file of arrays: sha256 of all of them
_DIGEST = hashlib.sha256().digest_size


class Arrays:
    """The arrays and states in a folder, each written whole or not at all; one that is damaged is named and not there.

    torch is imported where it is needed: who reads records does without.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        self._sound: dict[Path, tuple] = {}  # files that have been checked, and their state then

    def has_tensors(self, name: str) -> bool:
        """Whether sound arrays are saved under `name`."""
        path = self._place(name)
        try:
            checked = self._sound.get(path) == _state(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise unreadable(path, error) from error
        return checked or self.tensors(name) is not None

    def tensors(self, name: str) -> dict | None:
        """The arrays saved under `name`; None if there are none, or none that are sound."""
        path = self._place(name)
        try:
            state = _state(path)
            found = _read(path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(path, error) from error
        except _Unsound as error:
            self._put_aside(path, str(error))
            return None
        self._sound[path] = state
        return found

    def save_tensors(self, name: str, tensors: dict):
        """Saves arrays under `name`."""
        from safetensors.torch import save_file

        plain = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
        with self._writing(self._place(name)) as temporary:
            save_file(plain, temporary, metadata={CHECK: _digest(plain)})

    def remove_tensors(self, name: str):
        """Removes the arrays saved under `name`, if there are any."""
        self._remove(self._place(name))

    def checkpoint(self, identity: str) -> dict | None:
        """The state of an interrupted run; None if there is none, or none that is sound: the run starts again then."""
        import torch

        path = self._state_place(identity)
        try:
            content = path.read_bytes()
            digest, state = content[:_DIGEST], content[_DIGEST:]
            if hashlib.sha256(state).digest() != digest:
                raise _Unsound("does not fit its checksum")
            return torch.load(io.BytesIO(state), map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(path, error) from error
        except MemoryError:
            raise
        except Exception as error:  # whatever is wrong with it
            self._put_aside(path, str(error))
            return None

    def save_checkpoint(self, identity: str, state: dict | None):
        """Saves the state of a run, or with None removes it."""
        path = self._state_place(identity)
        if state is None:
            self._remove(path)
            return
        import torch

        content = io.BytesIO()
        torch.save(state, content)
        with self._writing(path) as temporary:
            temporary.write_bytes(hashlib.sha256(content.getbuffer()).digest() + content.getbuffer())

    def _remove(self, path: Path):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def _place(self, name: str) -> Path:
        return self.folder / "arrays" / f"{name}.safetensors"

    def _state_place(self, identity: str) -> Path:
        return self.folder / "checkpoints" / f"{identity}.pt"

    def _put_aside(self, path: Path, reason: str):
        """Renames a damaged file, so that it is named once and whoever needs it makes it again."""
        with contextlib.suppress(OSError):
            path.replace(path.with_name(f"{path.name}.damaged"))
        warnings.warn(Damaged(f"{path} {reason}: it is left out, and made again when a run needs it"), stacklevel=3)

    @contextlib.contextmanager
    def _writing(self, path: Path):
        from safetensors import SafetensorError

        try:
            with durable.replacing(path) as temporary:
                yield temporary
        except (OSError, RuntimeError, SafetensorError) as error:
            raise unwritable(self.folder, error) from error


class _Unsound(Exception):
    """Why a file of arrays cannot be used."""


def _read(path: Path) -> dict:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            check = (file.metadata() or {}).get(CHECK)
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, ValueError) as error:
        raise _Unsound(f"cannot be read ({error})") from error
    if check != _digest(tensors):
        raise _Unsound("does not fit its checksum")
    return tensors


def _digest(tensors: dict) -> str:
    """sha256 of all arrays with their names, types and shapes."""
    import torch

    found = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()


def _state(path: Path) -> tuple:
    facts = path.stat()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


def unreadable(path: Path, error: OSError) -> UserError:
    """The error of a file or folder that cannot be read."""
    return UserError(
        f"expected to read records in {path}, got: {error}. Make it readable or name another folder with --records"
    )


def unwritable(folder: Path, error: Exception) -> UserError:
    """The error of a folder that cannot be written."""
    return UserError(
        f"expected to write records in {folder}, got: {error}. Free some space or name another folder with "
        "--records; every finished run is kept"
    )
