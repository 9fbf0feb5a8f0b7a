"""One node's metrics over a few weeks beside its fleet: what somebody would look at to see why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.schema import BUCKET_END, LATENESS, NODE, Metric, MetricKind, bucket_column
from features.catalogue.on_change import LAST
from features.catalogue.uptime import RUNNING
from features.feature import window_name
from features.grid import Grid, Times, locate, to_datetime, to_step, to_times
from features.telemetry import on_change
from features.telemetry.on_change import OnChangeSeries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from data.view import View

Floats = NDArray[np.float64]

MOST_POINTS: Final = 120
AT_ONCE: Final = 8
RECENT: Final = timedelta(days=3)  # before the moment: where a change would show
FLEET: Final = (0.1, 0.5, 0.9)
SPREADS: Final = 2.56  # standard deviations from the 10% to the 90% quantile of a normal distribution
LEAST_MOVEMENT: Final = 0.1  # in spreads
LEAST_SPREAD: Final = 0.02  # of the median: less than that is no distance
AGGREGATES: Final = {MetricKind.COUNTER: "increase", MetricKind.BOOT_TIME: "last", MetricKind.AGE: "last"}
SECONDS_AN_HOUR: Final = 3600.0
MICROSECONDS: Final = 1e6


@dataclass(frozen=True, slots=True)
class Trace:
    """A metric of one node, and what 10%, half and 90% of its fleet stay below."""

    metric: Metric
    label: str
    unit: str
    times: Times
    value: Floats
    low: Floats
    middle: Floats
    high: Floats

    def movement(self, moment: np.datetime64) -> float:
        """Tell how far the node moved against its fleet in the days before a moment, in the fleet's spreads."""
        spread = np.fmax((self.high - self.low) / SPREADS, LEAST_SPREAD * np.abs(self.middle))
        deviation = (self.value - self.middle) / np.where(spread > 0, spread, 1.0)
        recent = (self.times > moment - to_step(RECENT)) & (self.times <= moment)
        before = self.times <= moment - to_step(RECENT)
        moved = abs(mean(deviation[recent]) - mean(deviation[before]))
        return 0.0 if np.isnan(moved) else float(moved)


@dataclass(frozen=True, slots=True)
class Lens:
    """A view of some weeks of a node and its peers."""

    view: View
    names: tuple[str, ...]  # sorted: the node and its peers
    node: str
    start: np.datetime64
    end: np.datetime64

    def traces(self, metrics: Iterable[Metric]) -> list[Trace]:
        """Read some metrics, in their order; a few at once, since opening a table takes longer than reading it."""
        wanted, told = list(metrics), dict[str, Trace]()
        for at in range(0, len(wanted), AT_ONCE):
            told |= self._traced(wanted[at : at + AT_ONCE])
        return [told[metric.name] for metric in wanted]

    def _traced(self, metrics: list[Metric]) -> dict[str, Trace]:
        grid = Grid.spanning(self.start, self.end, self.view.width)
        sampled = [metric for metric in metrics if metric.sampling == "sampled"]
        table = self._read([_column(metric) for metric in sampled], grid.start)
        told = {metric.name: self._trace(metric, self._sampled(table, metric, grid), grid) for metric in sampled}
        changing = [metric for metric in metrics if metric.sampling == "on_change"]
        table = self._read([bucket_column(one.name, part) for one in changing for part in on_change.AGGREGATES], None)
        return told | {metric.name: self._trace(metric, self._held(table, metric, grid), grid) for metric in changing}

    def _trace(self, metric: Metric, values: Floats, grid: Grid) -> Trace:
        """Set the node beside its fleet, in no more points than can be seen."""
        ends = np.datetime64(0, "us") + grid.numbers.astype(np.int64) * to_step(grid.width)
        group = -(-grid.count // MOST_POINTS) or 1
        thin = thinned(values, group)
        label, unit = _told(metric, grid.width)
        own = thin[self.names.index(self.node)]
        return Trace(metric, label, unit, ends[group - 1 :: group], own, *quantiles(thin))

    def _sampled(self, table: pl.DataFrame, metric: Metric, grid: Grid) -> Floats:
        """Give names x buckets; of a bucket that came in parts, the part that came first."""
        first = table.sort(LATENESS).unique([NODE, BUCKET_END], keep="first", maintain_order=True)
        out = np.full((len(self.names), grid.count), np.nan)
        value = first[_column(metric)].to_numpy().astype(np.float64)
        if metric.kind is MetricKind.BOOT_TIME:
            value = (first[BUCKET_END].dt.timestamp("us").to_numpy() / MICROSECONDS - value) / SECONDS_AN_HOUR
        out[locate(first[NODE], self.names), grid.position(to_times(first[BUCKET_END]))] = value
        return out

    def _held(self, table: pl.DataFrame, metric: Metric, grid: Grid) -> Floats:
        """Give names x buckets of a metric that holds between its changes."""
        changes = OnChangeSeries.of(table, metric.name, self.names, grid.width)
        node, bucket = np.meshgrid(np.arange(len(self.names)), grid.numbers.astype(np.int64), indexing="ij")
        now = changes.at(node.ravel(), bucket.ravel())
        statistic = RUNNING if metric.kind is MetricKind.AGE else LAST
        told = statistic.value(now, now)
        return told.reshape(node.shape)

    def _read(self, columns: list[str], start: datetime | None) -> pl.DataFrame:
        if not columns:
            return pl.DataFrame()
        now = self.view.narrow(to_datetime(self.end))
        return now.buckets(columns, start).filter(pl.col(NODE).is_in(self.names))


def _column(metric: Metric) -> str:
    return bucket_column(metric.name, AGGREGATES.get(metric.kind, "mean"))


def _told(metric: Metric, width: timedelta) -> tuple[str, str]:
    """Say what is drawn of a metric, and in which unit."""
    name = metric.label or metric.name
    if metric.kind is MetricKind.BOOT_TIME:
        return f"{name}: time since boot", "h"
    if metric.kind is MetricKind.COUNTER and metric.sampling == "sampled":
        return f"{name}: increase in {window_name(width)}", metric.unit
    return name, metric.unit


def _group(metric: Metric) -> str:
    """Name what a metric is about: a_mean and a_max tell of the same a, and counts of samples all of being seen."""
    return metric.kind if metric.kind is MetricKind.COUNT else metric.name.rpartition("_")[0] or metric.name


def thinned(values: Floats, group: int) -> Floats:
    """Average each so many columns, what is missing left out; a last group that is not whole goes."""
    whole = values.shape[1] // group * group
    parts = values[:, :whole].reshape(len(values), -1, group)
    known = np.isfinite(parts)
    count = known.sum(axis=2)
    return np.where(count > 0, np.where(known, parts, 0.0).sum(axis=2) / np.maximum(count, 1), np.nan)


def quantiles(values: Floats) -> Floats:
    """Give the FLEET quantiles of each column over the rows that have a value; NaN where none has."""
    out = np.full((len(FLEET), values.shape[1]), np.nan)
    known = np.isfinite(values).any(axis=0)
    if known.any():
        out[:, known] = np.nanquantile(values[:, known], FLEET, axis=0)
    return out


def mean(values: Floats) -> float:
    """Give the mean of the values that are there; NaN where none is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def moved_most(traces: list[Trace], moment: np.datetime64, count: int) -> list[Trace]:
    """Pick the metrics that moved most, of those that measure the same thing only one."""
    ranked = sorted(traces, key=lambda trace: (-trace.movement(moment), trace.metric.name))
    picked: dict[str, Trace] = {}
    for trace in ranked:
        if trace.movement(moment) >= LEAST_MOVEMENT:
            picked.setdefault(_group(trace.metric), trace)
    return list(picked.values())[:count]
