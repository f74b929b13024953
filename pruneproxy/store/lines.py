"""A record as a line of JSON that ends with a checksum of all before it: a change is seen without parsing."""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import orjson

STATES = ("ok", "diverged", "failed")
_START = re.compile(rb'\{"id": "([^"\\]+)", "status": "(%s)"' % "|".join(STATES).encode())
_END = re.compile(rb', "check": "([0-9a-f]{16})"\}$')


class Damage(Exception):
    """Why a line is no record."""


class OpenFile:
    """A file that can be read for as long as somebody holds this, also when another has taken its name."""

    def __init__(self, path: Path):
        self.handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def __del__(self):
        if hasattr(self, "handle"):
            os.close(self.handle)


@dataclass(frozen=True, slots=True)
class Line:
    """A record that is sound, as it is written in a file: its text, or where that is in a file that is open."""

    id: str
    status: str
    place: "bytes | tuple[OpenFile, int, int]"

    @property
    def text(self) -> bytes:
        """The line, with its newline; Damage when its file has been changed."""
        if isinstance(self.place, bytes):
            return self.place
        file, start, size = self.place
        return opened(os.pread(file.handle, size, start)).text  # somebody may have changed it in its place

    @property
    def record(self) -> dict:
        """What it says."""
        record = orjson.loads(self.text)
        del record["check"]
        return record


def sealed(record: dict) -> bytes:
    """The line of a record; ValueError for one that could not be read again: NaN, or half a character."""
    whole = json.dumps({"id": record["id"], "status": record["status"]} | record, allow_nan=False).encode()
    orjson.loads(whole)
    text = whole[:-1]
    return text + b', "check": "' + _digest(text) + b'"}\n'


def opened(line: bytes) -> Line:
    """The record that a line holds; Damage says why it holds none."""
    text = line.rstrip(b"\r\n")
    start, end = _START.match(text), _END.search(text)
    if start is None:
        raise Damage("is no record")
    if end is None:
        raise Damage("has no checksum")
    if _digest(text[: end.start()]) != end[1]:
        raise Damage("does not fit its checksum")
    return Line(start[1].decode(), start[2].decode(), text + b"\n")


def adopted(line: bytes) -> bytes:
    """A line of before there were checksums, with one; Damage says why it is not such a line."""
    try:
        record = orjson.loads(line)
        if record["status"] not in STATES or not isinstance(record["id"], str) or "check" in record:
            raise Damage("is no record of an earlier version")
    except (ValueError, TypeError, KeyError) as error:
        raise Damage("is no record") from error
    return sealed(record)


def _digest(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:16].encode()
