"""Fetching the published files of a data set, with checksums and progress."""

from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from pruneproxy.data.catalogue import Entry, Remote
from pruneproxy.data.importing import Progress, importable, new_folder, sentence, silent, store
from pruneproxy.data.readers import READERS
from pruneproxy.data.stored import SOURCE, data_root, file_digest
from pruneproxy.errors import UserError

BLOCK = 1 << 20
TIMEOUT = 60  # seconds without a byte


def get(name: str, root=None, progress: Progress = silent) -> str:
    """A sentence about the set that was downloaded; one that is there already is left alone.

    Nothing is kept unless every file arrives complete and has its published checksum.
    """
    entry, root = importable(name), data_root(root)
    if not entry.files:
        raise UserError(f"{name} cannot be downloaded without an account: run `pruneproxy data import {name} PATH`")
    if (root / name / SOURCE).exists():
        return f"{name} is in {root / name} already: remove that folder to download it again"
    with new_folder(root, name) as (scratch, folder):
        arrived = scratch / "files"
        arrived.mkdir()
        for remote in entry.files:
            fetch(remote, arrived, progress)
        store(
            name, READERS[entry.form](arrived, entry, scratch, None), folder, {"origin": origin(name, entry)}, progress
        )
    return sentence(name, root)


def origin(name: str, entry: Entry) -> str:
    """Where a download came from, in words."""
    unknown = [remote.name for remote in entry.files if not remote.digest]
    return f"download of {name}, checksums verified" + (f" but of {', '.join(unknown)}" if unknown else "")


def fetch(remote: Remote, folder: Path, progress: Progress) -> None:
    """Brings a file into `folder` from the first of its places that has it complete and unharmed."""
    failures = []
    for url in remote.urls:
        try:
            return verify(receive(url, folder / remote.name, progress), remote.digest)
        except (URLError, HTTPException, ConnectionError, TimeoutError, UserError) as error:
            failures.append(f"{url}: {error}")
    raise UserError(f"{remote.name} could not be downloaded ({'; '.join(failures)}): try again, or import a local copy")


def receive(url: str, path: Path, progress: Progress) -> Path:
    """The path, with everything written to it that `url` gives."""
    request = Request(url, headers={"User-Agent": "pruneproxy"})
    with urlopen(request, timeout=TIMEOUT) as answer, path.open("wb") as file:
        length, done = answer.headers.get("Content-Length"), 0
        total = int(length) if length else None
        while block := answer.read(BLOCK):
            file.write(block)
            done += len(block)
            progress(done, total)
    if total is not None and done != total:
        raise UserError(f"expected {total:,} bytes, got {done:,}")
    return path


def verify(path: Path, digest: str) -> None:
    """An error unless the file has this digest ("algorithm:hexadecimal", "" for an unknown one)."""
    algorithm, _, expected = digest.partition(":")
    if digest and (got := file_digest(path, algorithm)) != expected:
        raise UserError(f"expected {algorithm} {expected}, got {got}; the file is corrupt")
