"""Fleets for tests of features: real and made-up ones, and what was known of each at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from data.delta.rollup import rollup
from data.schema import (
    AVAILABLE_AT,
    BLIND_SCHEMA,
    BUCKET_END,
    BUCKET_KEYS,
    EVENT_SCHEMA,
    NODE_SCHEMA,
    TELEMETRY_KEYS,
    TS,
    Metric,
    MetricKind,
)
from data.sources.parquet_folder import ParquetSource
from data.view import HINDSIGHT, RecordFrames, View
from tests.models.reference import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np

DAY = timedelta(days=1)
START = datetime(2021, 1, 1, tzinfo=UTC)


class InMemoryTable:
    """A bucket table in memory."""

    def __init__(self, table: pl.DataFrame) -> None:
        self._table = table

    def read(self, columns: Sequence[str], until: datetime, start: datetime | None = None) -> pl.DataFrame:
        is_read = (pl.col(BUCKET_END) <= until) & (True if start is None else pl.col(BUCKET_END) >= start)
        return self._table.filter(is_read).select(*BUCKET_KEYS, *columns)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The records of a fleet, the future included."""

    events: pl.DataFrame
    nodes: pl.DataFrame
    blind: pl.DataFrame
    telemetry: pl.DataFrame
    metrics: tuple[Metric, ...] = ()
    width: timedelta = DAY

    def view(self, at: datetime = HINDSIGHT) -> View:
        table = rollup(self.telemetry, [metric.name for metric in self.metrics], self.width)
        return View(at, self.width, RecordFrames(self.events, self.nodes, self.blind), InMemoryTable(table))

    def known_at(self, at: datetime) -> Fleet:
        """Return the records as if every source had been exported at a time."""
        known_events = self.events.filter((pl.col("recorded_at") <= at) & (pl.col("start") <= at))
        has_ended, has_left = pl.col("end_recorded_at") <= at, pl.col("observed_until") <= at
        return replace(
            self,
            events=known_events.with_columns(
                pl.when(has_ended).then(name).alias(name) for name in ("end", "end_recorded_at")
            ),
            nodes=self.nodes.filter(pl.col("observed_from") <= at).with_columns(
                pl.when(has_left).then("observed_until").alias("observed_until")
            ),
            blind=self.blind.filter(pl.col("recorded_at") <= at),
            telemetry=self.telemetry.filter(pl.col(AVAILABLE_AT) <= at),
        )

    def shuffled(self, rng: np.random.Generator) -> Fleet:
        """Return the records with the rows of every table in another order."""
        events, nodes, blind, telemetry = (
            table[rng.permutation(table.height)] for table in (self.events, self.nodes, self.blind, self.telemetry)
        )
        return Fleet(events, nodes, blind, telemetry, self.metrics, self.width)

    def only(self, names: Iterable[str], start: datetime, end: datetime) -> Fleet:
        """Keep some nodes and some days of telemetry."""
        is_chosen = pl.col("node").is_in(list(names))
        return replace(
            self,
            events=self.events.filter(is_chosen),
            nodes=self.nodes.filter(is_chosen),
            telemetry=self.telemetry.filter(is_chosen & pl.col(TS).is_between(start, end)),
        )

    def write(self, folder: Path) -> None:
        """Write the tables into a folder, as the protocol describes it."""
        tables = {"events": self.events, "nodes": self.nodes, "blind": self.blind, "telemetry": self.telemetry}
        for name, table in tables.items():
            table.write_parquet(folder / f"{name}.parquet")


def table_of(schema: Mapping[str, pl.DataType], rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Build a table of a schema; columns that a row lacks are null."""
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=dict(schema))


def event(node: str, start: datetime, end: datetime | None = None, **more: object) -> dict[str, object]:
    """Build a row of an event: by default a failure that was recorded at its start and its end."""
    defaults: dict[str, object] = {"kind": "failure", "recorded_at": start, "end_recorded_at": end}
    return {"node": node, "start": start, "end": end, **defaults, **more}


def fleet(
    events: Sequence[Mapping[str, object]] = (),
    nodes: Sequence[Mapping[str, object]] = (),
    blind: Sequence[Mapping[str, object]] = (),
    telemetry: pl.DataFrame | None = None,
    metrics: tuple[Metric, ...] = (),
) -> Fleet:
    """Build a fleet from rows."""
    return Fleet(
        table_of(EVENT_SCHEMA, events),
        table_of(NODE_SCHEMA, nodes),
        table_of(BLIND_SCHEMA, blind),
        pl.DataFrame(schema=dict(TELEMETRY_KEYS)) if telemetry is None else telemetry,
        metrics,
    )


@cache
def real(name: str) -> Fleet:
    """Read a real data set."""
    source = ParquetSource(SHARED / "datasets" / name, {}, timedelta(0))
    samples = pl.concat([pl.DataFrame(schema=dict(TELEMETRY_KEYS)), *source.telemetry()], how="diagonal")
    metrics = tuple(_metric(column) for column in samples.columns if column not in TELEMETRY_KEYS)
    return Fleet(source.events(), source.nodes(), source.blind(), samples, metrics)


def _metric(name: str) -> Metric:
    if name.startswith(("smart", "power_on")):
        kind = MetricKind.AGE if name == "power_on_hours" else MetricKind.COUNTER
        return Metric(name, kind, "on_change")
    if name.endswith("_n"):
        return Metric(name, MetricKind.COUNT)
    return Metric(name, MetricKind.BOOT_TIME if name in ("boot_min", "boot_max") else MetricKind.GAUGE)
