"""The SQL side of the state: events, inventory, blind periods, and the scores and decisions that people ask for."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from sqlalchemy import bindparam, create_engine, delete, event, exists, insert, literal, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.schema import CreateTable

from data.disk import naming_full_disk
from data.errors import DataError, UnreachableError
from data.merge import BLIND_RULE, EVENT_RULE, NODE_RULE
from data.tables import BLIND, DECISIONS, EVENTS, LATEST_SCORES, METADATA, NODES, SCHEMA_VERSION, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

    from data.merge import Rule
    from data.tables import FrameTable

SQLITE_SETTINGS: Final = ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "busy_timeout = 30000")
SQLITE_UNREACHABLE: Final = tuple(
    f"SQLITE_{why}" for why in ("BUSY", "LOCKED", "CANTOPEN", "NOTADB", "READONLY", "CORRUPT")
)


@dataclass(frozen=True, slots=True)
class MergeReport:
    """How many rows a merge added, replaced and found unchanged."""

    inserted: int
    replaced: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Records:
    """The records in one database; a write is one transaction, so readers see all of it or nothing."""

    engine: Engine

    @classmethod
    def at(cls, url: str) -> Records:
        """Open the database at a SQLAlchemy URL, and lay out its tables if they are not there.

        Raises:
            UnreachableError: if the database can't be opened.
            DataError: if a newer Nodeward laid it out.
        """
        address = make_url(url)
        if address.get_backend_name() == "sqlite" and address.database:
            Path(address.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(address)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _set_up_sqlite)
        records = cls(engine)
        records._lay_out()
        return records

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def events(self) -> pl.DataFrame:
        """Give EVENT_SCHEMA, sorted by the events' identity."""
        return self._read(EVENTS)

    def nodes(self) -> pl.DataFrame:
        """Give NODE_SCHEMA, sorted by node."""
        return self._read(NODES)

    def blind(self) -> pl.DataFrame:
        """Give BLIND_SCHEMA, sorted by start."""
        return self._read(BLIND)

    def latest_scores(self) -> pl.DataFrame:
        """Give SCORE_SCHEMA: the set that was published last."""
        return self._read(LATEST_SCORES)

    def decisions(self) -> pl.DataFrame:
        """Give DECISION_SCHEMA."""
        return self._read(DECISIONS)

    def merge_events(self, rows: pl.DataFrame) -> MergeReport:
        """Merge events; a later end, then a later record, wins over an earlier one of the same event."""
        return self._merge(EVENTS, EVENT_RULE, rows.with_columns(pl.col("cause").replace("", None)))

    def merge_nodes(self, rows: pl.DataFrame) -> MergeReport:
        """Merge an inventory; the newer one wins."""
        return self._merge(NODES, NODE_RULE, rows)

    def merge_blind(self, rows: pl.DataFrame) -> MergeReport:
        """Merge blind periods."""
        return self._merge(BLIND, BLIND_RULE, rows)

    def publish_scores(self, rows: pl.DataFrame) -> None:
        """Put new scores in the place of the latest ones."""
        with self._begin() as connection:
            connection.execute(delete(LATEST_SCORES.sql))
            _insert(connection, LATEST_SCORES, rows)

    def record_decisions(self, rows: pl.DataFrame) -> None:
        """Add decisions; one for the same node and time takes the earlier one's place."""
        with self._begin() as connection:
            _delete(connection, DECISIONS, rows)
            _insert(connection, DECISIONS, rows)

    def _read(self, table: FrameTable) -> pl.DataFrame:
        with self._begin() as connection:
            return table.to_frame(map(tuple, connection.execute(select(table.sql))))

    def _merge(self, table: FrameTable, rule: Rule, rows: pl.DataFrame) -> MergeReport:
        with self._begin() as connection:
            stored = table.to_frame(map(tuple, connection.execute(select(table.sql))))
            changes = rule.compare(stored, rule.resolve(rows.select(tuple(table.schema))))
            _delete(connection, table, changes.replaced)
            _insert(connection, table, pl.concat([changes.replaced, changes.inserted]))
        return MergeReport(changes.inserted.height, changes.replaced.height, changes.unchanged)

    def _lay_out(self) -> None:
        with self._begin() as connection:
            for table in METADATA.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
            first = select(literal(SCHEMA_VERSION)).where(~exists(select(VERSIONS.c.version)))
            connection.execute(insert(VERSIONS).from_select(["version"], first))
            found = connection.execute(select(VERSIONS.c.version)).scalar_one()
        if found > SCHEMA_VERSION:
            raise DataError(
                f"{self._address} has tables of version {found}, but this Nodeward knows them up to {SCHEMA_VERSION}",
                mend="use the Nodeward that wrote them, or a newer one, or set state.path to another folder",
            )

    @property
    def _address(self) -> str:
        return self.engine.url.render_as_string(hide_password=True)

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        """Open one transaction, and name what keeps it from ending well."""
        try:
            with naming_full_disk(self._address), self.engine.begin() as connection:
                yield connection
        except DBAPIError as fault:
            if not _is_unreachable(fault):
                raise
            raise UnreachableError("the database", self._address, str(fault.orig)) from fault


def _is_unreachable(fault: DBAPIError) -> bool:
    """Say whether the database itself is the trouble, and not what was asked of it."""
    name = getattr(fault.orig, "sqlite_errorname", None)
    return isinstance(fault, OperationalError) if name is None else name.startswith(SQLITE_UNREACHABLE)


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401  - DBAPI connections have no common type
    for setting in SQLITE_SETTINGS:
        connection.execute(f"PRAGMA {setting}")


def _insert(connection: Connection, table: FrameTable, rows: pl.DataFrame) -> None:
    if rows.height:
        connection.execute(insert(table.sql), table.to_rows(rows))


def _delete(connection: Connection, table: FrameTable, rows: pl.DataFrame) -> None:
    """Delete the rows with these primary keys."""
    if rows.height:
        is_row = [table.sql.c[name] == bindparam(f"key_{name}") for name in table.keys]
        keys = [{f"key_{name}": value for name, value in row.items()} for row in table.to_rows(rows, table.keys)]
        connection.execute(delete(table.sql).where(*is_row), keys)
