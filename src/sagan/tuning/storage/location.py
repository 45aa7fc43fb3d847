"""Where a study lives: a journal file, or a database named by its URL."""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagan.common.files import display_path
from sagan.common.schema import ClearError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from sqlalchemy import Engine

GRACE_HEARTBEATS = 4
SQLITE_PATIENCE_SECONDS = 60.0
_CONNECT_SECONDS = 10
_LOCK_NUMBER = 7_246_361  # of PostgreSQL's advisory lock: any number that others do not use
_FROM_ENVIRONMENT = "env:"
_PASSWORD = re.compile(r"(://[^:/@\s]*:)\S*(@)|(password=)[^&\s'\"]*")
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_DIALECTS = ("postgresql", "sqlite", "mysql", "mariadb")


class StorageError(ClearError, OSError):
    """The study's storage cannot be used; the message has no password in it."""


def masked(text: str) -> str:
    """A text without the passwords of URLs in it."""
    return _PASSWORD.sub(lambda found: f"{found[1] or found[3]}***{found[2] or ''}", text)


@dataclass(frozen=True)
class Place:
    """Where a study lives."""

    journal: Path | None
    url: str | None
    """With its password: never print it, print `str(place)`."""

    @classmethod
    def of(cls, storage: str | None, workspace: Path) -> "Place":
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
            return cls(workspace / "journal.log", None)
        if "://" not in storage:
            return cls(Path(storage), None)
        return cls(None, _known_url(storage))

    @property
    def dialect(self) -> str:
        """journal, sqlite, postgresql, mysql or mariadb."""
        return "journal" if self.url is None else _scheme(self.url).partition("+")[0]

    def __str__(self) -> str:
        return masked(self.url) if self.url else str(display_path(self.journal or Path()))

    def __repr__(self) -> str:
        return f"Place({self})"

    @property
    def dashboard(self) -> str:
        """The command that shows it in a browser."""
        return f"optuna-dashboard {self}"


def _scheme(url: str) -> str:
    return url.partition("://")[0]


def _known_url(url: str) -> str:
    scheme, rest = _scheme(url), url.partition("://")[2]
    url = f"{_DRIVERS.get(scheme, scheme)}://{rest}"
    if rest.partition("/")[0].count("@") > 1:
        raise StorageError(
            f"tuning.storage: {masked(url)}: write an @ inside of a user's name or password as %40"
        )
    if _scheme(url).partition("+")[0] not in _DIALECTS:
        raise StorageError(
            f"tuning.storage: {masked(url)} is of an unknown kind; expected a path, or a URL that "
            "begins with postgresql://, sqlite:/// or mysql+pymysql://"
        )
    return url


def open_storage(place: Place, heartbeat_seconds: int) -> "BaseStorage":
    """Open the storage, and make what it needs where it is new.

    Args:
        place: where.
        heartbeat_seconds: between signs of life of a running trial [s].

    Raises:
        StorageError: it is unreachable, locked, damaged or may not be written.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    grace_seconds = GRACE_HEARTBEATS * heartbeat_seconds
    with explained(place), quiet():
        if place.journal is not None:
            from sagan.tuning.storage.journal import JournalWithHeartbeat

            return JournalWithHeartbeat(
                place.journal, interval_seconds=heartbeat_seconds, grace_seconds=grace_seconds
            )
        with _creation_lock(place):
            storage = optuna.storages.RDBStorage(
                str(place.url),
                engine_kwargs=_engine_options(place),
                heartbeat_interval=heartbeat_seconds,
                grace_period=grace_seconds,
            )
        if place.dialect == "sqlite":
            _take_turns(storage.engine)
        return optuna.storages.get_storage(storage)


def _engine_options(place: Place) -> dict[str, Any]:
    if place.dialect == "sqlite":
        return {"connect_args": {"timeout": SQLITE_PATIENCE_SECONDS}}
    options: dict[str, Any] = {"pool_pre_ping": True, "hide_parameters": True}
    return options | {"connect_args": {"connect_timeout": _CONNECT_SECONDS}}


@contextmanager
def _creation_lock(place: Place) -> Iterator[None]:
    """One process at a time makes SQLite's tables; other databases see to it themselves."""
    file = _sqlite_file(place)
    if file is None:
        yield
        return
    from sagan.tuning.storage.journal import FileLock

    with FileLock(file.with_name(f"{file.name}.creation")):
        yield


def _sqlite_file(place: Place) -> Path | None:
    if place.dialect != "sqlite":
        return None
    from sqlalchemy.engine import make_url

    database = make_url(str(place.url)).database
    if not database or database == ":memory:":
        raise StorageError("tuning.storage: a study of several processes cannot be in memory")
    return Path(database)


def _take_turns(engine: "Engine") -> None:
    """Let SQLite's transactions begin as writing ones.

    One that begins by reading and writes later fails at once where another has written meanwhile,
    whatever the timeout; these wait for one another.
    """
    from sqlalchemy import event

    @event.listens_for(engine, "connect")
    def _no_implicit_begin(connection: Any, _record: object) -> None:  # noqa: ANN401
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin_immediate(connection: Any) -> None:  # noqa: ANN401
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()  # connections from before the listeners


@contextmanager
def turn(place: Place, storage: "BaseStorage") -> Iterator[None]:
    """One process of all machines at a time: for counting trials and taking one.

    A file's lock beside a journal or an SQLite file; the database's own elsewhere, which ends with
    the connection of whoever held it.
    """
    file = place.journal or _sqlite_file(place)
    with explained(place):
        if file is not None:
            from sagan.tuning.storage.journal import FileLock

            with FileLock(file.with_name(f"{file.name}.turn")):
                yield
        else:
            with _database_lock(place, storage):
                yield


@contextmanager
def _database_lock(place: Place, storage: "BaseStorage") -> Iterator[None]:
    from sqlalchemy import text

    take, leave = {
        "postgresql": ("SELECT pg_advisory_lock(:n)", "SELECT pg_advisory_unlock(:n)"),
        "mysql": ("SELECT GET_LOCK(:n, 600)", "SELECT RELEASE_LOCK(:n)"),
    }["postgresql" if place.dialect == "postgresql" else "mysql"]
    with engine_of(storage).connect() as connection:
        connection.execute(text(take), {"n": _LOCK_NUMBER})
        try:
            yield
        finally:
            connection.execute(text(leave), {"n": _LOCK_NUMBER})


def engine_of(storage: Any) -> "Engine":  # noqa: ANN401 - Optuna's storage, perhaps in its cache
    """The database connections of a storage."""
    engine: Engine = getattr(storage, "_backend", storage).engine
    return engine


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Turn what a storage raises into one message without a password.

    Raises:
        StorageError: for every error of the storage.
    """
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        raise StorageError(_reason(place, error)) from None
    except ImportError as error:
        raise StorageError(
            f"tuning.storage: {place} needs a driver ({masked(str(error))}); for PostgreSQL "
            "install psycopg[binary], for MySQL PyMySQL"
        ) from None
    except OSError as error:
        if isinstance(error, StorageError) or place.journal is None:
            raise
        raise StorageError(f"tuning.storage: {place}: {error.strerror or error}") from error
    except ValueError as error:
        if place.journal is None or not _is_damage(error):
            raise
        raise StorageError(
            f"tuning.storage: {place} is damaged ({error}); remove the line that is not JSON, or "
            "name another journal"
        ) from error


def _is_damage(error: ValueError) -> bool:
    import json

    return isinstance(error, json.JSONDecodeError) or "Invalid log format" in str(error)


def _reason(place: Place, error: BaseException) -> str:
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    said = masked(" ".join(str(cause).split())) or type(cause).__name__
    if "database is locked" in said:
        remedy = (
            f"another process has locked it for {SQLITE_PATIENCE_SECONDS:.0f} s; end that one "
            "(a dashboard, a database browser), or use a journal file or PostgreSQL"
        )
    elif place.dialect == "sqlite":
        remedy = "check that the folder exists and can be written, and that it is an Optuna file"
    else:
        remedy = "check host, port, database, user and password, and that the server runs"
    return f"tuning.storage: {place} cannot be used: {said}; {remedy}"


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna warns at each use of what it calls experimental, heartbeats among it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
