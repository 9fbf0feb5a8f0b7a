"""Stores rejected rows and cells, each once with the time at which it first came, until they are usable or purged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from data.schema import (
    BLIND_SCHEMA,
    EVENT_SCHEMA,
    NODE_SCHEMA,
    QUARANTINE_SCHEMA,
    TELEMETRY_KEYS,
    TS,
    UNREADABLE,
    UNREADABLE_TYPE,
    UTC,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from data.delta.store import AppendOnlyTable

QUARANTINED_AT: Final = "quarantined_at"
SCHEMAS: Final[Mapping[str, Mapping[str, pl.DataType]]] = {
    "telemetry": TELEMETRY_KEYS,
    "events": EVENT_SCHEMA,
    "nodes": NODE_SCHEMA,
    "blind": BLIND_SCHEMA,
}
CELL_SCHEMA: Final = {**TELEMETRY_KEYS, "metric": pl.String(), "value": pl.String()}


@dataclass(frozen=True, slots=True)
class Quarantine:
    """The quarantined rows of a state."""

    log: AppendOnlyTable

    def add(self, rejected: pl.DataFrame, now: datetime) -> int:
        """Add the rows that are not stored yet, and return their number."""
        return self.log.add(rejected.with_columns(pl.lit(now).cast(UTC).alias(QUARANTINED_AT)))

    def read(self) -> pl.DataFrame:
        """Return QUARANTINE_SCHEMA and when each row first came, null if an older Nodeward added it."""
        empty = pl.DataFrame(schema=QUARANTINE_SCHEMA | {QUARANTINED_AT: UTC})
        return pl.concat([empty, self.log.read()], how="diagonal").select(empty.columns)

    def remove(self, rows: pl.DataFrame) -> int:
        """Remove rows in one commit, and return their number."""
        stored = self.read()
        kept = stored.join(rows, on=list(QUARANTINE_SCHEMA), how="anti", nulls_equal=True)
        if kept.height < stored.height:
            self.log.table.rewrite(kept)
        return stored.height - kept.height

    def purge(self, before: datetime, selected: pl.Expr) -> int:
        """Remove those of the selected rows that came before a time, and return their number."""
        came = pl.coalesce(QUARANTINED_AT, TS)
        return self.remove(self.read().filter(selected & ((came < before) | came.is_null())))


def decode(table: str, rows: Sequence[str]) -> pl.DataFrame:
    """Decode quarantined rows of a table from JSON, as they were read; metrics are 64-bit floats."""
    decoded: list[dict[str, Any]] = [json.loads(row) for row in rows]
    schema: dict[str, pl.DataType] = dict(SCHEMAS[table])
    if any(row.get(UNREADABLE) for row in decoded):  # an unreadable cell is null, but was not written as null
        schema[UNREADABLE] = UNREADABLE_TYPE
    if table == "telemetry":
        metrics = sorted({name for row in decoded for name in row} - {*schema, UNREADABLE})
        schema |= dict.fromkeys(metrics, pl.Float64())
    return _frame(decoded, schema)


def decode_cells(rows: Sequence[str]) -> pl.DataFrame:
    """Decode quarantined cells of telemetry: the keys of their row, their metric, and their value as a text."""
    return _frame([json.loads(row) for row in rows], CELL_SCHEMA)


def _frame(rows: Sequence[Mapping[str, Any]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame([_series(name, [row.get(name) for row in rows], dtype) for name, dtype in schema.items()])


def _series(name: str, values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    if dtype == UTC:
        return pl.Series(name, [_micros(value) for value in values], pl.Int64).cast(UTC)
    return pl.Series(name, values, dtype, strict=False)


def _micros(value: str | int | None) -> int | None:
    """Decode a time as microseconds since 1970; it is a text, or a number if it is off the calendar."""
    if value is None or isinstance(value, int):
        return value
    return int(pl.Series([datetime.fromisoformat(value)], dtype=UTC).to_physical().item())
