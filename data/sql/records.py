"""The SQL part of the state: events, inventory, blind periods, published scores and decisions."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
from sqlalchemy import bindparam, delete, func, insert, select

from data.errors import DataError
from data.merge_rule import BLIND_RULE, EVENT_RULE, NODE_RULE
from data.schema import SCORE_SCHEMA, TS
from data.sql import migrations
from data.sql.engine import connect, display_address, read_transaction, write_transaction
from data.sql.tables import BLIND, DECISIONS, EVENTS, LATEST_SCORES, NODES

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from data.merge_rule import MergeRule
    from data.sql.tables import FrameTable


@dataclass(frozen=True, slots=True)
class MergeReport:
    """How many rows a merge inserted, replaced and left unchanged."""

    inserted: int
    replaced: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Records:
    """The records in one database; each write is one transaction, so readers see all of it or nothing."""

    engine: Engine

    @classmethod
    def open(cls, url: str) -> Records:
        """Open the database at a SQLAlchemy URL and upgrade its tables.

        Raises:
            SettingsError: if the URL can't be used.
            UnreachableError: if the database can't be opened.
            DataError: if a newer Nodeward created the tables.
        """
        records = cls(connect(url))
        with ExitStack() as opened:
            opened.callback(records.close)
            records._upgrade_tables()
            opened.pop_all()
        return records

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def events(self) -> pl.DataFrame:
        """Return EVENT_SCHEMA, sorted by the key of the events."""
        return self._read(EVENTS)

    def nodes(self) -> pl.DataFrame:
        """Return NODE_SCHEMA, sorted by node."""
        return self._read(NODES)

    def blind(self) -> pl.DataFrame:
        """Return BLIND_SCHEMA, sorted by start."""
        return self._read(BLIND)

    def latest_scores(self) -> pl.DataFrame:
        """Return SCORE_SCHEMA: the scores that were published last."""
        return self._read(LATEST_SCORES)

    def decisions(self) -> pl.DataFrame:
        """Return DECISION_SCHEMA."""
        return self._read(DECISIONS)

    def merge_events(self, rows: pl.DataFrame) -> MergeReport:
        """Merge events; of one event the later recorded end wins, then the later end, then the later record."""
        return self._merge(EVENTS, EVENT_RULE, rows.with_columns(pl.col("cause").replace("", None)))

    def merge_nodes(self, rows: pl.DataFrame) -> MergeReport:
        """Merge an inventory; the newer one wins."""
        return self._merge(NODES, NODE_RULE, rows)

    def merge_blind(self, rows: pl.DataFrame) -> MergeReport:
        """Merge blind periods."""
        return self._merge(BLIND, BLIND_RULE, rows)

    def publish_scores(self, rows: pl.DataFrame, *, force: bool = False) -> datetime | None:
        """Replace the latest scores; if they are of a later time, keep them and return that time."""
        with write_transaction(self.engine) as connection:
            stored = connection.execute(select(func.max(LATEST_SCORES.sql.c[TS]))).scalar_one()
            newest: datetime | None = pl.Series([stored], dtype=pl.Int64).cast(SCORE_SCHEMA[TS]).item()
            if newest is not None and not force and (rows[TS] < newest).any():
                return newest
            connection.execute(delete(LATEST_SCORES.sql))
            _insert(connection, LATEST_SCORES, LATEST_SCORES.writable(rows))
        return None

    def record_decisions(self, rows: pl.DataFrame) -> None:
        """Add decisions; each replaces an earlier one for the same node and time."""
        with write_transaction(self.engine) as connection:
            _delete(connection, DECISIONS, DECISIONS.writable(rows))
            _insert(connection, DECISIONS, DECISIONS.writable(rows))

    def delete_decisions(self, before: datetime) -> int:
        """Delete the decisions made before a time and return their number."""
        micros = pl.Series([before]).dt.cast_time_unit("us").to_physical()[0]
        with write_transaction(self.engine) as connection:
            return connection.execute(delete(DECISIONS.sql).where(DECISIONS.sql.c[TS] < micros)).rowcount

    def _read(self, table: FrameTable) -> pl.DataFrame:
        with read_transaction(self.engine) as connection:
            return table.to_frame(map(tuple, connection.execute(select(table.sql))))

    def _merge(self, table: FrameTable, rule: MergeRule, rows: pl.DataFrame) -> MergeReport:
        with write_transaction(self.engine) as connection:
            stored = table.to_frame(map(tuple, connection.execute(select(table.sql))))
            changes = rule.compare(stored, rule.resolve(table.writable(rows)))
            _delete(connection, table, changes.replaced)
            _insert(connection, table, pl.concat([changes.replaced, changes.inserted]))
        return MergeReport(changes.inserted.height, changes.replaced.height, changes.unchanged)

    def _upgrade_tables(self) -> None:
        with read_transaction(self.engine) as connection:
            version = migrations.version(connection)
        if version < migrations.SCHEMA_VERSION:
            with write_transaction(self.engine) as connection:
                migrations.upgrade(connection)  # does nothing if another process was faster
        if version > migrations.SCHEMA_VERSION:
            raise DataError(
                f"{display_address(self.engine)} has tables of version {version}, "
                f"but this Nodeward knows them up to {migrations.SCHEMA_VERSION}",
                fix="use the Nodeward that wrote them, or a newer one, or set state.path to another folder",
            )


def _insert(connection: Connection, table: FrameTable, rows: pl.DataFrame) -> None:
    if rows.height:
        connection.execute(insert(table.sql), table.to_rows(rows))


def _delete(connection: Connection, table: FrameTable, rows: pl.DataFrame) -> None:
    """Delete the rows with these primary keys."""
    if rows.height:
        is_row = [table.sql.c[name] == bindparam(f"key_{name}") for name in table.keys]
        keys = [{f"key_{name}": value for name, value in row.items()} for row in table.to_rows(rows, table.keys)]
        connection.execute(delete(table.sql).where(*is_row), keys)
