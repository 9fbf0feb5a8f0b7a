"""Opens the SQLite or PostgreSQL database of a URL, with one writer at a time and errors that name the problem."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, ProgrammingError

from data.disk.disk_full import translate_disk_full
from data.errors import DataError, InfrastructureError, NodewardError, SettingsError, UnreachableError
from data.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL, Connection, Engine

SQLITE_SETTINGS: Final = ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "busy_timeout = 30000")
SQLITE_UNREACHABLE: Final = tuple(
    f"SQLITE_{why}" for why in ("BUSY", "LOCKED", "CANTOPEN", "NOTADB", "READONLY", "CORRUPT")
)
POSTGRES: Final = "postgresql+psycopg"
CONNECT_SECONDS: Final = 10
LOCK_SECONDS: Final = 30
WRITERS: Final = 0x6E6F6465  # PostgreSQL's advisory lock is a number; this one spells 'node'
READ_ONLY: Final = "25006"
NOT_ALLOWED: Final = "42501"
LOCK_NOT_AVAILABLE: Final = "55P03"
FOREIGN: Final = frozenset({"3F000", "42P01", "42703"})  # a schema, a table or a column does not exist
SQLITE_FOREIGN: Final = ("no such table", "no such column")
WRITES: Final = "nodeward_writes"  # marks a SQLite transaction that acquires the lock when it begins


def parse_address(url: str, key: str = "state.url") -> URL:
    """Parse the URL of a database from the settings key `key`; the driver for PostgreSQL is always psycopg.

    Raises:
        SettingsError: if it is no URL, its kind of database is not supported, or the driver is not installed.
    """
    fix = "write sqlite:////folder/file.db or postgresql://user:password@host/database"
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):  # not shown: an unreadable URL may contain a password anywhere
        raise SettingsError(f"{key} is no URL of a database", fix=fix) from None
    kind = address.drivername.partition("+")[0]
    if kind == "sqlite":
        return address
    if kind not in {"postgres", "postgresql"}:
        raise SettingsError(f"{key} names a database of kind {kind!r}", fix=fix)
    if find_spec("psycopg") is None:
        raise SettingsError(
            f"{key} names a PostgreSQL database, and its driver is not installed",
            fix="pip install 'nodeward[postgresql]'",
        )
    return address.set(drivername=POSTGRES)


def connect(url: str) -> Engine:
    """Create the engine for a URL without connecting.

    Raises:
        SettingsError: if the URL can't be used, or its driver is not installed.
    """
    address = parse_address(url)
    if address.get_backend_name() == "sqlite":
        return _sqlite(address)
    timeout = {} if "connect_timeout" in address.query else {"connect_timeout": CONNECT_SECONDS}
    return create_engine(address, connect_args=timeout, pool_pre_ping=True)


def display_address(engine: Engine) -> str:
    """Return the database's address without passwords."""
    return redact(engine.url.render_as_string(hide_password=False))


@contextmanager
def read_transaction(engine: Engine) -> Iterator[Connection]:
    """Open a transaction whose reads all see the same state."""
    level = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with _translate_faults(engine), engine.connect().execution_options(**level) as connection, connection.begin():
        yield connection


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that is the only writer from its first read until it ends."""
    with (
        _translate_faults(engine),
        engine.connect().execution_options(**{WRITES: True}) as connection,
        connection.begin(),
    ):
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:writers)"), {"writers": WRITERS})
        yield connection


def _sqlite(address: URL) -> Engine:
    if address.database:
        _make_folder(Path(address.database).parent)
    engine = create_engine(address)
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as fault:
        raise SettingsError(
            f"{folder}: a file is in its place", fix="name a folder in state.url, or state.path"
        ) from fault


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401  - DBAPI connections have no common type
    connection.isolation_level = None  # the driver would begin transactions only after the first reads
    for setting in SQLITE_SETTINGS:
        connection.execute(f"PRAGMA {setting}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translate_faults(engine: Engine) -> Iterator[None]:
    try:
        with translate_disk_full(display_address(engine)):
            yield
    except DBAPIError as fault:
        error = _to_nodeward_error(fault, display_address(engine))
        if error is None:
            raise
        raise error from fault


def _to_nodeward_error(fault: DBAPIError, address: str) -> NodewardError | None:
    """Return the error for a fault of the database itself; None if the statement is at fault."""
    name, state = getattr(fault.orig, "sqlite_errorname", None), getattr(fault.orig, "sqlstate", None)
    why = " ".join(str(fault.orig).split())
    if state in {READ_ONLY, NOT_ALLOWED}:
        fix = "grant this user the right to write, or name another one in state.url"
        return InfrastructureError(f"the database at {address}: {why}", fix=fix)
    if state == LOCK_NOT_AVAILABLE:
        return InfrastructureError(
            f"the database at {address}: another process has been writing to it for over {LOCK_SECONDS} s",
            fix="wait for it, or stop it, and run again",
        )
    if state in FOREIGN or (name == "SQLITE_ERROR" and why.startswith(SQLITE_FOREIGN)):
        fix = "restore a backup, or name another database in state.url"
        return DataError(f"the database at {address} holds other tables than Nodeward's: {why}", fix=fix)
    if name is None and state is None and isinstance(fault, ProgrammingError):  # from libpq, before it connects
        return SettingsError(f"state.url = {address}: {why}", fix="use only parameters that libpq knows")
    is_unreachable = isinstance(fault, OperationalError) if name is None else name.startswith(SQLITE_UNREACHABLE)
    return UnreachableError("the database", address, why) if is_unreachable else None
