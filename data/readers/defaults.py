"""Fills in what a file does not say: when a thing was known, whose it is, and the columns that are absent."""

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
    """Put the keys first; a row that does not say when it could be read could be `delay` after its ts."""
    known = pl.col(TS) + delay
    if AVAILABLE_AT in rows.columns:
        known = pl.coalesce(AVAILABLE_AT, known)
    keys = (NODE, TS, AVAILABLE_AT)
    return rows.with_columns(known.alias(AVAILABLE_AT)).select(*keys, pl.exclude(keys))


def events(rows: pl.DataFrame, others: Sequence[str], source: str) -> pl.DataFrame:
    """Give EVENT_SCHEMA: an event was recorded at its start, and its end when it and the event were, if nobody says."""
    absent = {"cause": None, "source": source, "recorded_at": None, "end_recorded_at": None}
    recorded = pl.coalesce("recorded_at", "start").alias("recorded_at")
    ended = pl.when(pl.col("end").is_not_null()).then(pl.max_horizontal("end", "recorded_at"))
    filled = _in_schema(rows, others, EVENT_SCHEMA, absent).with_columns(recorded)
    return filled.with_columns(pl.coalesce("end_recorded_at", ended).alias("end_recorded_at"))


def nodes(rows: pl.DataFrame, others: Sequence[str], files: Iterable[Path] = ()) -> pl.DataFrame:
    """Give NODE_SCHEMA; further columns go into `labels`, and an inventory was revised when its files were written."""
    absent = dict.fromkeys(("rack", "hardware", "partition", "observed_until", "as_of", "revised_at"))
    written = max((datetime.fromtimestamp(file.stat().st_mtime, UTC) for file in files), default=None)
    revised = pl.col("revised_at").fill_null(pl.lit(written, NODE_SCHEMA["revised_at"]))
    return _in_schema(rows, others, NODE_SCHEMA, absent).with_columns(revised)


def blind(rows: pl.DataFrame, others: Sequence[str]) -> pl.DataFrame:
    """Give BLIND_SCHEMA; a period became known at its end, if nobody says."""
    filled = _in_schema(rows, others, BLIND_SCHEMA, {"recorded_at": None})
    return filled.with_columns(pl.coalesce("recorded_at", "end").alias("recorded_at"))


def gathered(frames: Iterable[pl.DataFrame], cells: int) -> Iterator[pl.DataFrame]:
    """Join frames, whose columns may differ, until they hold about so many cells: a commit for each would be slow."""
    waiting: list[pl.DataFrame] = []
    for frame in frames:
        waiting.append(frame)
        if sum(part.height * part.width for part in waiting) >= cells:
            yield pl.concat(waiting, how="diagonal")
            waiting = []
    if waiting:
        yield pl.concat(waiting, how="diagonal")


def _in_schema(
    rows: pl.DataFrame, others: Sequence[str], schema: Mapping[str, pl.DataType], defaults: Mapping[str, str | None]
) -> pl.DataFrame:
    """Add absent columns, and pack what is beyond the schema; what could not be read stays beside it."""
    absent = {name: value for name, value in defaults.items() if name not in rows.columns}
    filled = rows.with_columns(pl.lit(value, schema[name]).alias(name) for name, value in absent.items())
    beside = [UNREADABLE] if UNREADABLE in rows.columns else []
    return filled.with_columns(_labels(others)).select(*(pl.col(name).cast(schema[name]) for name in schema), *beside)


def _labels(others: Sequence[str]) -> pl.Expr:
    """Pack columns into one JSON object a row; a lone `labels` column is one already."""
    if list(others) == [LABELS]:
        return pl.col(LABELS)
    packed = pl.struct(others).struct.json_encode() if others else pl.lit(None, pl.String)
    return packed.alias(LABELS)
