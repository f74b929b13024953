"""Fetching the published files of a data set, with checksums and progress."""

import http.client
import io
import re
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler, OpenerDirector, Request, build_opener

from pruneproxy.data.catalogue import Entry, Remote
from pruneproxy.data.guards import list_room, printable, refusing, room, said
from pruneproxy.data.importing import Progress, importable, new_folder, sentence, silent, store
from pruneproxy.data.readers import READERS
from pruneproxy.data.stored import SOURCE, data_root, file_digest
from pruneproxy.errors import UserError

BLOCK = 1 << 20
TIMEOUT = 60  # seconds without a byte
WINDOW = 60  # seconds over which a transfer has to bring SLOWEST bytes per second
SLOWEST = 10_000
SCHEMES = ("https",)


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
            fetch(remote, arrived, (list_room if remote.name.endswith(".txt") else room)(entry), progress)
        with refusing(arrived):
            copy = READERS[entry.form](arrived, entry, scratch, None)
        check_original(name, store(name, copy, folder, {"origin": origin(name, entry)}, progress), entry)
    return sentence(name, root)


def check_original(name: str, facts: Mapping, entry: Entry) -> None:
    """An error if the original arrays are known and these are others."""
    if entry.original and facts["sha256"] != entry.original:
        raise UserError(f"expected the original arrays of {name}, got others from its files: import a copy of your own")


def origin(name: str, entry: Entry) -> str:
    """Where a download came from and how it was verified, in words."""
    weak = any(remote.digest.startswith("md5") and not remote.sha256 for remote in entry.files) and not entry.original
    unknown = [remote.name for remote in entry.files if not remote.digests]
    words = [f"download of {name}", "checksums verified" + (" (md5: against accidents only)" if weak else "")]
    return ", ".join(words + [f"{' and '.join(unknown)} not verified"] * bool(unknown))


def fetch(remote: Remote, folder: Path, limit: int, progress: Progress) -> None:
    """Brings a file into `folder` from the first of its places that has it complete, unharmed and not over `limit`."""
    failures = []
    for url in remote.urls:
        try:
            path = receive(url, folder / remote.name, limit, progress)
            for digest in remote.digests:
                verify(path, digest)
            return
        except (OSError, http.client.HTTPException, ValueError) as error:
            failures.append(f"{url}: {said(error)}")
    raise UserError(f"{remote.name} could not be downloaded ({'; '.join(failures)}): try again, or import a local copy")


def receive(url: str, path: Path, limit: int, progress: Progress) -> Path:
    """The path, with everything written to it that `url` gives."""
    request = Request(encrypted(url), headers={"User-Agent": "pruneproxy"})
    with opener().open(request, timeout=TIMEOUT) as answer, path.open("wb") as file:
        total, done = announced(answer.headers.get("Content-Length")), 0
        bounded(total or 0, limit)
        while block := answer.read(BLOCK):
            done = bounded(done + len(block), limit)
            file.write(block)
            progress(done, total)
    if total is not None and done != total:
        raise UserError(f"expected {total:,} bytes, got {done:,}")
    return path


def announced(length: str | None) -> int | None:
    """The number of bytes that a server says it sends, None if it says nothing."""
    if length is None:
        return None
    if not re.fullmatch("[0-9]{1,18}", length.strip()):
        raise UserError(f"expected a number of bytes as Content-Length, got {printable(length)[:40]!r}")
    return int(length)


def bounded(count: int, limit: int) -> int:
    """The count, if it is not over the limit."""
    if count > limit:
        raise UserError(f"expected at most {limit:,} bytes, got more: it is another file")
    return count


def encrypted(url: str) -> str:
    """The address, if nobody on the way can change what it gives."""
    if url.partition(":")[0].lower() not in SCHEMES:
        raise UserError(f"expected an https address, got {printable(url)}: whoever is on the way could change the file")
    return url


class _Redirects(HTTPRedirectHandler):
    """Follows a server to encrypted addresses only."""

    def redirect_request(self, request, file, code, message, headers, url):
        return super().redirect_request(request, file, code, message, headers, encrypted(url))


class _Paced(io.RawIOBase):
    """A connection's bytes; one that is slower than SLOWEST over a WINDOW is given up, answers and headers included."""

    def __init__(self, raw):
        self._raw, self._since, self._got = raw, time.monotonic(), 0

    def readable(self):
        return True

    def readinto(self, buffer):
        count = self._raw.readinto(buffer)
        self._got += count or 0
        if (seconds := time.monotonic() - self._since) >= WINDOW:
            if (pace := self._got / seconds) < SLOWEST:
                raise UserError(f"expected {SLOWEST:,} bytes per second, got {pace:,.0f}: it is too slow")
            self._since, self._got = time.monotonic(), 0
        return count

    def close(self):
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    def __init__(self, *given, **choices):
        super().__init__(*given, **choices)
        self.fp = io.BufferedReader(_Paced(self.fp.detach()))


class _Http(HTTPHandler):
    def http_open(self, request):
        return self.do_open(_connection(http.client.HTTPConnection), request)


class _Https(HTTPSHandler):
    def https_open(self, request):
        connection = _connection(http.client.HTTPSConnection)
        return self.do_open(connection, request, context=ssl.create_default_context())


def _connection(kind: type) -> type:
    return type("Connection", (kind,), {"response_class": _Answer})


def opener() -> OpenerDirector:
    """What opens addresses."""
    return build_opener(_Redirects, _Http, _Https)


def verify(path: Path, digest: str) -> None:
    """An error unless the file has this digest ("algorithm:hexadecimal")."""
    algorithm, _, expected = digest.partition(":")
    if (got := file_digest(path, algorithm)) != expected:
        raise UserError(f"expected {algorithm} {expected}, got {got}; the file is corrupt")
