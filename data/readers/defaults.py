"""Fills in what a file does not contain: when a record was known, its source, and missing columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import polars as pl

from data.schema import AVAILABLE_AT, BLIND_SCHEMA, EVENT_SCHEMA, NODE, NODE_SCHEMA, TS, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import timedelta
    from pathlib import Path

LABELS: Final = "labels"


def telemetry(rows: pl.DataFrame, delay: timedelta) -> pl.DataFrame:
    """Put the keys first; a row without `available_at` became available `delay` after its ts."""
    available_at = pl.col(TS) + delay
    if AVAILABLE_AT in rows.columns:
        available_at = pl.coalesce(AVAILABLE_AT, available_at)
    keys = (NODE, TS, AVAILABLE_AT)
    return rows.with_columns(available_at.alias(AVAILABLE_AT)).select(*keys, pl.exclude(keys))


def events(rows: pl.DataFrame, extra_columns: Sequence[str], source: str) -> pl.DataFrame:
    """Return EVENT_SCHEMA.

    By default an event was recorded at its start, and its end at the later of the end and the recording of the event.
    """
    defaults = {"cause": None, "source": source, "recorded_at": None, "end_recorded_at": None}
    recorded = pl.coalesce("recorded_at", "start").alias("recorded_at")
    ended = pl.when(pl.col("end").is_not_null()).then(pl.max_horizontal("end", "recorded_at"))
    filled = _in_schema(rows, extra_columns, EVENT_SCHEMA, defaults).with_columns(recorded)
    return filled.with_columns(pl.coalesce("end_recorded_at", ended).alias("end_recorded_at"))


def nodes(rows: pl.DataFrame, extra_columns: Sequence[str], files: Iterable[Path] = ()) -> pl.DataFrame:
    """Return NODE_SCHEMA; by default the inventory was revised when the newest of its files was written."""
    defaults = dict.fromkeys(("rack", "hardware", "partition", "observed_until", "as_of", "revised_at"))
    written = max((datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in files), default=None)
    revised = pl.col("revised_at").fill_null(pl.lit(written, NODE_SCHEMA["revised_at"]))
    return _in_schema(rows, extra_columns, NODE_SCHEMA, defaults).with_columns(revised)


def blind(rows: pl.DataFrame, extra_columns: Sequence[str]) -> pl.DataFrame:
    """Return BLIND_SCHEMA; by default a period became known at its end."""
    filled = _in_schema(rows, extra_columns, BLIND_SCHEMA, {"recorded_at": None})
    return filled.with_columns(pl.coalesce("recorded_at", "end").alias("recorded_at"))


def join_small(frames: Iterable[pl.DataFrame], cells: int) -> Iterator[pl.DataFrame]:
    """Join frames, whose columns may differ, to batches of about so many cells: a commit for each would be slow."""
    batch: list[pl.DataFrame] = []
    for frame in frames:
        batch.append(frame)
        if sum(part.height * part.width for part in batch) >= cells:
            yield pl.concat(batch, how="diagonal")
            batch = []
    if batch:
        yield pl.concat(batch, how="diagonal")


def _in_schema(
    rows: pl.DataFrame,
    extra_columns: Sequence[str],
    schema: Mapping[str, pl.DataType],
    defaults: Mapping[str, str | None],
) -> pl.DataFrame:
    """Select a schema's columns and UNREADABLE; add the missing ones, and pack the extra ones into `labels`."""
    absent = {name: value for name, value in defaults.items() if name not in rows.columns}
    filled = rows.with_columns(pl.lit(value, schema[name]).alias(name) for name, value in absent.items())
    columns = [pl.col(name).cast(schema[name]) for name in schema]
    if UNREADABLE in rows.columns:
        columns.append(pl.col(UNREADABLE))
    return filled.with_columns(_labels(extra_columns)).select(columns)


def _labels(extra_columns: Sequence[str]) -> pl.Expr:
    """Pack columns into one JSON object for each row; a single column `labels` is one already."""
    if list(extra_columns) == [LABELS]:
        return pl.col(LABELS)
    packed = pl.struct(extra_columns).struct.json_encode() if extra_columns else pl.lit(None, pl.String)
    return packed.alias(LABELS)
