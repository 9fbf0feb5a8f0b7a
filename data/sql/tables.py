"""The SQL tables, derived from the same schemas as the frames, and the conversion of rows between the two.

Times are whole microseconds since 1970 in UTC, as BIGINT: SQLite has no type for times, and that of PostgreSQL
depends on the time zone of the session. A null in a text column of a primary key is written as the empty text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl
from sqlalchemy import BigInteger, Column, Double, Index, Table, Text

from data.merge_rule import BLIND_RULE, EVENT_RULE, NODE_RULE
from data.schema import BLIND_SCHEMA, DECISION_SCHEMA, EVENT_SCHEMA, NODE, NODE_SCHEMA, SCORE_SCHEMA, TS
from data.sql.migrations import METADATA, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class FrameTable:
    """A SQL table for frames of one schema, with a primary key."""

    sql: Table
    schema: Mapping[str, pl.DataType]
    keys: tuple[str, ...]

    @classmethod
    def of(cls, name: str, schema: Mapping[str, pl.DataType], keys: tuple[str, ...], *indices: Index) -> FrameTable:
        """Define the SQL table of a schema; data/sql/migrations creates it."""
        columns = (
            Column(column, _sql_type(dtype), primary_key=column in keys, nullable=column not in keys)
            for column, dtype in schema.items()
        )
        return cls(Table(name, METADATA, *columns, *indices), schema, keys)

    def writable(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Select the schema's columns and remove the character zero, which PostgreSQL can't store in texts."""
        return frame.select(tuple(self.schema)).with_columns(pl.col(pl.String).str.replace_all("\0", "", literal=True))

    def to_rows(self, frame: pl.DataFrame, columns: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Convert a frame's rows, or some of their columns, to values for SQL."""
        selected = frame.select(tuple(self.schema) if columns is None else tuple(columns))
        return selected.with_columns(
            pl.col(pl.Datetime).to_physical(), pl.col(self._key_texts(selected.columns)).fill_null("")
        ).to_dicts()

    def to_frame(self, rows: Iterable[tuple[Any, ...]]) -> pl.DataFrame:
        """Convert rows from SQL to a frame, sorted by the primary key."""
        stored = {name: pl.Int64() if isinstance(dtype, pl.Datetime) else dtype for name, dtype in self.schema.items()}
        frame = pl.DataFrame(list(rows), schema=stored, orient="row")
        texts = pl.col(self._key_texts(frame.columns)).replace("", None)
        return frame.with_columns(texts).cast(pl.Schema(self.schema)).sort(self.keys)

    def _key_texts(self, columns: Iterable[str]) -> list[str]:
        return [name for name in columns if name in self.keys and self.schema[name] == pl.String]


def _sql_type(dtype: pl.DataType) -> BigInteger | Text | Double[float]:
    if isinstance(dtype, pl.Datetime):
        return BigInteger()
    return Text() if dtype == pl.String else Double()


EVENTS: Final = FrameTable.of("events", EVENT_SCHEMA, EVENT_RULE.keys, Index("events_by_node", NODE, "start"))
NODES: Final = FrameTable.of("nodes", NODE_SCHEMA, NODE_RULE.keys)
BLIND: Final = FrameTable.of("blind", BLIND_SCHEMA, BLIND_RULE.keys)
LATEST_SCORES: Final = FrameTable.of("latest_scores", SCORE_SCHEMA, (NODE, "horizon_hours"))
DECISIONS: Final = FrameTable.of("decisions", DECISION_SCHEMA, (NODE, TS), Index("decisions_by_time", TS))

RECORD_TABLES: Final = tuple(table for table in METADATA.sorted_tables if table is not VERSIONS)
