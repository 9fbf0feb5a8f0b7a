"""Keeps what could not be used, each row once and with the time at which it first came, until it can be, or goes."""

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
        """Keep the rows that are not there yet; give their number."""
        return self.log.add(rejected.with_columns(pl.lit(now).cast(UTC).alias(QUARANTINED_AT)))

    def read(self) -> pl.DataFrame:
        """Give QUARANTINE_SCHEMA and when each row first came, null if an older Nodeward put it there."""
        empty = pl.DataFrame(schema=QUARANTINE_SCHEMA | {QUARANTINED_AT: UTC})
        return pl.concat([empty, self.log.read()], how="diagonal").select(empty.columns)

    def remove(self, rows: pl.DataFrame) -> int:
        """Take rows out, in one commit; give their number."""
        stored = self.read()
        kept = stored.join(rows, on=list(QUARANTINE_SCHEMA), how="anti", nulls_equal=True)
        if kept.height < stored.height:
            self.log.table.rewrite(kept)
        return stored.height - kept.height

    def purge(self, before: datetime, chosen: pl.Expr) -> int:
        """Drop those of the chosen rows that came before a time; give their number."""
        came = pl.coalesce(QUARANTINED_AT, TS)
        return self.remove(self.read().filter(chosen & ((came < before) | came.is_null())))


def decode(table: str, rows: Sequence[str]) -> pl.DataFrame:
    """Read quarantined rows of a table back from JSON, as they were; metrics are 64-bit floats."""
    read: list[dict[str, Any]] = [json.loads(row) for row in rows]
    schema: dict[str, pl.DataType] = dict(SCHEMAS[table])
    if any(row.get(UNREADABLE) for row in read):  # a null that could not be read is none that was written
        schema[UNREADABLE] = UNREADABLE_TYPE
    if table == "telemetry":
        metrics = sorted({name for row in read for name in row} - {*schema, UNREADABLE})
        schema |= dict.fromkeys(metrics, pl.Float64())
    return _frame(read, schema)


def decode_cells(rows: Sequence[str]) -> pl.DataFrame:
    """Read quarantined cells of telemetry back: the keys of their row, their metric, and their value as a text."""
    return _frame([json.loads(row) for row in rows], CELL_SCHEMA)


def _frame(rows: Sequence[Mapping[str, Any]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    return pl.DataFrame([_series(name, [row.get(name) for row in rows], kind) for name, kind in schema.items()])


def _series(name: str, values: Sequence[Any], kind: pl.DataType) -> pl.Series:
    if kind == UTC:
        return pl.Series(name, [_moment(value) for value in values], pl.Int64).cast(UTC)
    return pl.Series(name, values, kind, strict=False)


def _moment(value: str | int | None) -> int | None:
    """Read a time as microseconds since 1970: text, or a number where no calendar has it."""
    if value is None or isinstance(value, int):
        return value
    return int(pl.Series([datetime.fromisoformat(value)], dtype=UTC).to_physical().item())
