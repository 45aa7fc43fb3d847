"""Storage of a study: a journal file, or a database named by its URL."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from optuna.storages.journal import JournalFileOpenLock
from sqlalchemy import Engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from sagan.common.addresses import is_address, mask_secrets
from sagan.common.files import display_path
from sagan.common.schema import ClearError
from sagan.tuning.storage.journal import LOCK_SECONDS, JournalWithHeartbeat, damaged_line

GRACE_HEARTBEATS = 4
SQLITE_PATIENCE_SECONDS = 60.0
_CONNECT_SECONDS = 10
_LOCK_NUMBER = 7_246_361  # of PostgreSQL's advisory lock: any number that others do not use
_FROM_ENVIRONMENT = "env:"


class StorageError(ClearError, OSError):
    """The study's storage cannot be used; the message contains no password."""


@dataclass(frozen=True)
class StorageLocation:
    """A journal file, or a database by its URL."""

    where: Path | URL
    """A URL has its password: never print it, print `str(location)`."""

    @classmethod
    def of(cls, storage: str | None, workspace: Path) -> "StorageLocation":
        """Resolve the parameter.

        Args:
            storage: as `TuningConfig.storage`.
            workspace: holds the journal where none is named.

        Raises:
            StorageError: an environment variable that is not set, or a URL of no known kind.
        """
        if storage is not None and storage.startswith(_FROM_ENVIRONMENT):
            name = storage.removeprefix(_FROM_ENVIRONMENT)
            storage = os.environ.get(name)
            if not storage:
                raise StorageError(
                    f"tuning.storage: {_FROM_ENVIRONMENT}{name}, and the environment variable "
                    f"{name} is not set; export {name}=postgresql://user:password@host/database"
                )
        if storage is None:
            return cls(workspace / "journal.log")
        try:
            return cls(_known_url(storage) if is_address(storage) else Path(storage))
        except ValueError as error:
            raise StorageError(f"tuning.storage: {error}") from None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is an SQLite file."""
        return isinstance(self.where, URL) and self.where.get_backend_name() == "sqlite"

    @property
    def file(self) -> Path | None:
        """The journal or the SQLite file; None for a server."""
        if isinstance(self.where, Path):
            return self.where
        if not self.is_sqlite:
            return None
        if self.where.database in {None, "", ":memory:"}:
            raise StorageError("tuning.storage: a study of several processes cannot be in memory")
        return Path(str(self.where.database))

    def __str__(self) -> str:
        if isinstance(self.where, Path):
            return str(display_path(self.where))
        return mask_secrets(str(self.where))

    def mask(self, text: str) -> str:
        """A library's message without the location's password, or parts of it."""
        full = (
            [self.where.render_as_string(hide_password=False)]
            if isinstance(self.where, URL)
            else []
        )
        return mask_secrets(text, *full)

    def __repr__(self) -> str:
        return f"StorageLocation({self})"


def _known_url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StorageError("tuning.storage: this is no URL of a database") from None
    if "@" in (url.host or ""):
        raise StorageError("tuning.storage: write an @ inside of a user's name or password as %40")
    if url.drivername in {"postgresql", "postgres"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername.partition("+")[0] not in {"postgresql", "sqlite"}:
        raise StorageError(
            f"tuning.storage: {mask_secrets(str(url))} is not supported; expected the path of a "
            "journal file, or a URL that begins with sqlite:/// or postgresql://"
        )
    return url


def open_storage(location: StorageLocation, heartbeat_seconds: int) -> BaseStorage:
    """Open the storage; create it if it is new.

    Args:
        location: where.
        heartbeat_seconds: between heartbeats of a running trial [s].

    Raises:
        StorageError: it is unreachable, locked, damaged or may not be written.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    grace_seconds = GRACE_HEARTBEATS * heartbeat_seconds
    with storage_access(location):
        if isinstance(location.where, Path):
            return JournalWithHeartbeat(
                location.where, interval_seconds=heartbeat_seconds, grace_seconds=grace_seconds
            )
        # one process at a time creates SQLite's tables; PostgreSQL has locks of its own
        file = location.file
        with _file_lock(file, "creation") if file is not None else nullcontext():
            storage = optuna.storages.RDBStorage(
                location.where.render_as_string(hide_password=False),
                engine_kwargs=_engine_options(location),
                heartbeat_interval=heartbeat_seconds,
                grace_period=grace_seconds,
            )
        if location.is_sqlite:
            _begin_immediately(storage.engine)
        return optuna.storages.get_storage(storage)


def _engine_options(location: StorageLocation) -> dict[str, Any]:
    if location.is_sqlite:
        return {"connect_args": {"timeout": SQLITE_PATIENCE_SECONDS}}
    options: dict[str, Any] = {"pool_pre_ping": True, "hide_parameters": True}
    return options | {"connect_args": {"connect_timeout": _CONNECT_SECONDS}}


@contextmanager
def _file_lock(file: Path, purpose: str) -> Iterator[None]:
    """Hold a lock file beside a file; one that a killed process left is broken after a while."""
    file.parent.mkdir(parents=True, exist_ok=True)
    path = file.with_name(f"{file.name}.{purpose}")
    lock = JournalFileOpenLock(str(path), grace_period=LOCK_SECONDS)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _begin_immediately(engine: Engine) -> None:
    """Start each SQLite transaction with a write lock.

    One that starts by reading fails when it writes after another process has written, whatever the
    timeout; transactions that start with the lock wait for one another.
    """

    @event.listens_for(engine, "connect")
    def _no_implicit_begin(connection: Any, _record: object) -> None:  # noqa: ANN401
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin_immediate(connection: Any) -> None:  # noqa: ANN401
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()  # connections from before the listeners


@contextmanager
def storage_lock(location: StorageLocation, storage: BaseStorage) -> Iterator[None]:
    """Hold a lock over all processes of all machines, to count trials and take one.

    A lock file beside a journal or an SQLite file; PostgreSQL's own lock, which ends with the
    connection.
    """
    file = location.file
    lock = _file_lock(file, "turn") if file is not None else _database_lock(storage)
    with storage_access(location), lock:
        yield


@contextmanager
def _database_lock(storage: BaseStorage) -> Iterator[None]:
    with engine_of(storage).connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:n)"), {"n": _LOCK_NUMBER})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": _LOCK_NUMBER})


def engine_of(storage: Any) -> Engine:  # noqa: ANN401 - Optuna's storage, perhaps in its cache
    """The database connections of a storage."""
    engine: Engine = getattr(storage, "_backend", storage).engine
    return engine


@contextmanager
def storage_access(location: StorageLocation) -> Iterator[None]:
    """Turn what a storage raises into one message without a password; silence Optuna's warnings.

    Optuna warns at each use of what it calls experimental, heartbeats among it.

    Raises:
        StorageError: for every error of the storage.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (StorageInternalError, SQLAlchemyError) as error:
        raise StorageError(_reason(location, error)) from None
    except ImportError as error:
        raise StorageError(
            f"tuning.storage: {location} needs a driver ({location.mask(str(error))}); "
            "install psycopg[binary]"
        ) from None
    except OSError as error:
        if isinstance(error, StorageError) or isinstance(location.where, URL):
            raise
        raise StorageError(f"tuning.storage: {location}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        number = None if isinstance(location.where, URL) else damaged_line(location.where)
        if number is None:
            raise
        raise StorageError(
            f"tuning.storage: {location}, line {number}, is damaged; remove the line, or name "
            "another journal"
        ) from error


def _reason(location: StorageLocation, error: BaseException) -> str:
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    message = location.mask(" ".join(str(cause).split())) or type(cause).__name__
    if "database is locked" in message:
        remedy = (
            f"another process has locked it for {SQLITE_PATIENCE_SECONDS:.0f} s; end that one "
            "(a dashboard, a database browser), or use a journal file or PostgreSQL"
        )
    elif location.is_sqlite:
        remedy = "check that the folder exists and can be written, and that it is an Optuna file"
    else:
        remedy = "check host, port, database, user and password, and that the server runs"
    return f"tuning.storage: {location} cannot be used: {message}; {remedy}"
