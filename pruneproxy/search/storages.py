"""Where a study lives: in memory, in an SQLite or journal file, or in a database; and the locks of its trials."""

import contextlib
import json
import logging
import os
import re
import socket
import tempfile
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import optuna
from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from pruneproxy.errors import UserError
from pruneproxy.store import Busy, drop_torn_line

JOINED = "joined "  # how the names of attributes begin that processes leave in a study
Lock = Callable[..., AbstractContextManager]  # lock(name, wait=...): held inside, Busy when another process holds it
KINDS = "memory, sqlite:///FILE, journal:FILE or postgresql://USER@HOST/DATABASE"
TABLES = 7_231_002  # the advisory lock under which a PostgreSQL server's tables are made
IN_FILES = ("journal:", "sqlite:")
# What a storage may raise that was reached before; the last one a journal with a damaged line.
FAILURES = (OSError, SQLAlchemyError, optuna.exceptions.StorageInternalError, json.JSONDecodeError)
DRIVERS = {"psycopg": "'pruneproxy[postgres]'"}  # what to install where it is not the module of this name


def check(storage: str):
    """Raises where the address alone shows that there is no such storage, without touching it."""
    if not isinstance(storage, str):
        raise UserError(f"expected the address of a storage as a word ({KINDS}), got {storage!r}")
    if storage.startswith(IN_FILES):
        folder = _path(storage).parent
        if not folder.is_dir():
            raise UserError(f"expected the folder of the storage {storage} to exist, got none: make {folder}")
    elif storage != "memory":
        _check_driver(storage)


def _check_driver(storage: str):
    try:
        if not storage.startswith("postgresql"):
            raise ArgumentError(storage)
        make_url(_with_driver(storage)).get_dialect().import_dbapi()
    except ArgumentError as error:
        raise UserError(f"unknown storage {shown(storage)!r}: expected {KINDS}") from error
    except ImportError as error:
        raise _no_driver(storage, error) from error


def _with_driver(storage: str) -> str:
    """A PostgreSQL address that names its driver: SQLAlchemy's own choice differs between its versions."""
    return re.sub("^postgresql://", "postgresql+psycopg://", storage)


def _no_driver(storage: str, error: ImportError) -> UserError:
    name = (error.name or "psycopg").split(".")[0]
    return UserError(
        f"expected a driver for {shown(storage)}, got none: pip install {DRIVERS.get(name, name)} (or name another "
        f"storage: {KINDS})"
    )


def connect(storage: str) -> BaseStorage:
    """The storage with this address; one that cannot be reached is an error."""
    check(storage)
    if storage == "memory":
        return InMemoryStorage()
    with reaching(storage, (Exception,)):  # here nothing else can fail
        if storage.startswith(IN_FILES):
            return _in_file(storage)
        return _on_server(_with_driver(storage))


def _on_server(address: str) -> BaseStorage:
    """A database; while one process makes its tables, others wait, wherever they run."""
    engine = create_engine(address)
    try:
        with engine.connect() as connection:
            connection.execute(text(f"SELECT pg_advisory_lock({TABLES})"))
            try:
                return RDBStorage(address, engine_kwargs={"pool_pre_ping": True})
            finally:
                connection.execute(text(f"SELECT pg_advisory_unlock({TABLES})"))
    finally:
        engine.dispose()


def _in_file(storage: str) -> BaseStorage:
    path = _path(storage)
    with locks(storage)("connect"):  # two processes must not both make the tables
        if storage.startswith("journal:"):
            return JournalStorage(JournalFileBackend(str(path), _JournalLock(path)))
        # A writer waits for another instead of giving up after sqlite's five seconds.
        return RDBStorage(storage, engine_kwargs={"connect_args": {"timeout": 60}})


class _JournalLock:
    """Held while a journal is written. Unlike Optuna's own locks, a killed writer leaves neither it nor half a line."""

    def __init__(self, path: Path):
        self._path, self._held = path, FileLock(f"{path}.lock")

    def acquire(self) -> bool:
        """Waits for the lock, and removes what a killed writer has left."""
        self._held.acquire()
        drop_torn_line(self._path)
        return True

    def release(self):
        """Gives it to the next writer."""
        self._held.release()


def beside(storage: str, what: str) -> Path | None:
    """A folder beside the file that a storage is; None where it is none."""
    return Path(f"{_path(storage)}.{what}") if storage.startswith(IN_FILES) else None


def _path(storage: str) -> Path:
    return Path(re.sub("^(journal:|sqlite.*?:///)", "", storage))


@contextlib.contextmanager
def reaching(storage: str, failures: tuple[type[Exception], ...] = FAILURES):
    """Turns what goes wrong inside with a storage into one sentence, and keeps Optuna quiet.

    Other exceptions than `failures` come from what uses the storage, and pass.
    """
    try:
        with quiet():
            yield
    except UserError:
        raise
    except failures as error:
        said = shown(str(error.__cause__ or error).strip().split("\n")[0])
        raise UserError(
            f"expected to reach the storage {shown(storage)}, got: {said}. Every finished run is kept: make it "
            f"reachable or name another one ({KINDS})"
        ) from error


@contextlib.contextmanager
def quiet():
    """Inside, Optuna neither logs nor warns that a part of it is experimental."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


def shown(address: str) -> str:
    """An address without its password."""
    return re.sub(r"(://[^:@/\s]*):[^@\s]*@", r"\1:***@", address)


def locks(storage: str) -> Lock:
    """Locks beside the storage's file. A server has none: its locks bind the processes of one machine only."""
    if storage == "memory":
        return lambda name, *, wait=True: contextlib.nullcontext()
    folder = Path(
        f"{_path(storage)}.locks" if storage.startswith(IN_FILES) else tempfile.gettempdir() + "/pruneproxy-locks"
    )

    @contextlib.contextmanager
    def lock(name: str, *, wait: bool = True):
        held = FileLock(folder / f"{name}.lock", timeout=-1 if wait else 0)
        try:
            held.acquire()
        except Timeout as error:
            raise Busy(name) from error
        except OSError as error:
            raise UserError(f"expected to lock trials in {folder}, got: {error}") from error
        try:
            yield
        finally:
            held.release()

    return lock


@dataclass
class Sharing:
    """Who shares a study: all must keep their records in the `folder` of this name; how many processes have joined."""

    folder: str
    processes: int = 1


def join(study: optuna.Study, sharing: Sharing):
    """Adds this process to a study; one with another folder of records would train the same runs again."""
    folder = study.user_attrs.get("records", sharing.folder)
    if folder != sharing.folder:
        raise UserError(
            f"expected all processes of the study {study.study_name} to keep their records in one folder, got another "
            "one: name the folder of the first with --records, or use another storage"
        )
    study.set_user_attr("records", folder)
    study.set_user_attr(f"{JOINED}{socket.gethostname()}-{os.getpid()}", True)


def joined(study: optuna.Study) -> int:
    """How many processes have worked on a study."""
    return sum(name.startswith(JOINED) for name in study.user_attrs)
