"""Small tables that are valid in every column; a test invalidates one column at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from data import schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

START = datetime(2024, 1, 31, tzinfo=UTC)
NOW = datetime(2024, 6, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

Sample = tuple[str, timedelta, timedelta, float | None]


def telemetry(samples: Sequence[Sample], metric: str = "load", dtype: type[pl.DataType] = pl.Float64) -> pl.DataFrame:
    """Return telemetry of one metric from (node, ts after START, delay until available, value)."""
    rows = [(node, START + after, START + after + delay, value) for node, after, delay, value in samples]
    return pl.DataFrame(rows, schema={**schema.TELEMETRY_KEYS, metric: dtype}, orient="row")


def events(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Return failures that start at START, are recorded at once and end after an hour, except where a row differs."""
    defaults = {
        "node": "n1",
        "start": START,
        "end": START + HOUR,
        "kind": "failure",
        "cause": "disk",
        "source": "made up",
        "recorded_at": START,
        "end_recorded_at": START + HOUR,
        "labels": None,
    }
    return pl.DataFrame([{**defaults, **row} for row in rows], schema=schema.EVENT_SCHEMA)


def nodes(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Return nodes that are observed from START on, except where a row differs."""
    defaults = {
        "node": "n1",
        "rack": "r1",
        "hardware": "x",
        "partition": None,
        "labels": None,
        "observed_from": START,
        "observed_until": None,
        "as_of": None,
    }
    return pl.DataFrame([{**defaults, **row} for row in rows], schema=schema.NODE_SCHEMA)


def blind(*spans: tuple[timedelta, timedelta]) -> pl.DataFrame:
    """Return blind periods between two times after START, known at their end."""
    rows = [(START + low, START + high, START + high) for low, high in spans]
    return pl.DataFrame(rows, schema=schema.BLIND_SCHEMA, orient="row")


@dataclass(frozen=True, slots=True)
class MemorySource:
    """A source that holds its tables in memory."""

    batches: tuple[pl.DataFrame, ...]
    event_rows: pl.DataFrame
    node_rows: pl.DataFrame
    blind_rows: pl.DataFrame
    name: str = "made up"

    def check(self) -> None:
        """Accept everything: frames are never truncated."""

    def telemetry(self) -> Iterator[pl.DataFrame]:
        """Yield the batches."""
        yield from self.batches

    def events(self) -> pl.DataFrame:
        """Return the events."""
        return self.event_rows

    def nodes(self) -> pl.DataFrame:
        """Return the nodes."""
        return self.node_rows

    def blind(self) -> pl.DataFrame:
        """Return the blind periods."""
        return self.blind_rows


def source(*batches: pl.DataFrame, names: Sequence[str] = ("n1", "n2")) -> MemorySource:
    """Return a source with these batches, a failure of n1 and a blind hour."""
    return MemorySource(batches, events([{}]), nodes([{"node": name} for name in names]), blind((HOUR, 2 * HOUR)))


def with_events(base: MemorySource, rows: pl.DataFrame) -> MemorySource:
    """Return a source with other events."""
    return replace(base, event_rows=rows)


def write_folder(folder: Path, **tables: pl.DataFrame) -> Path:
    """Write a folder of Parquet files: valid nodes, events and telemetry, unless other tables are given."""
    valid = {
        "nodes": pl.DataFrame({"node": ["n1", "n2"], "rack": ["r1", "r1"], "observed_from": [START] * 2}),
        "events": events([{}]).drop("source", "labels"),
        "telemetry": telemetry([("n1", DAY, MINUTE, 1.0), ("n2", DAY, MINUTE, 2.0)]).drop("available_at"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in {**valid, **tables}.items():
        table.write_parquet(folder / f"{name}.parquet")
    return folder
