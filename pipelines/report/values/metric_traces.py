"""Reads one node's metrics around a time with its fleet's: what an engineer would look at to see the cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import BUCKET_END, LATENESS, NODE, Metric, MetricKind, bucket_column
from features.catalogue.on_change import LAST
from features.catalogue.uptime import RUNNING
from features.feature import window_name
from features.grid import Array, Grid, Times, locate, to_datetime, to_step, to_times
from features.telemetry import on_change
from features.telemetry.on_change import OnChangeSeries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from data.view import View

MOST_POINTS: Final = 120
METRICS_A_READ: Final = 8
RECENT: Final = 0.15  # of the time shown before the moment: a change in this part counts as a movement
FLEET_QUANTILES: Final = (0.1, 0.5, 0.9)
NORMAL_SPREAD: Final = 2.56  # standard deviations from the 10% to the 90% quantile of a normal distribution
LEAST_MOVEMENT: Final = 0.1  # in spreads
LEAST_SPREAD: Final = 0.02  # of the median: a smaller spread of the fleet counts as this
AGGREGATES: Final = {MetricKind.COUNTER: "increase", MetricKind.BOOT_TIME: "last", MetricKind.AGE: "last"}
SECONDS_AN_HOUR: Final = 3600.0
MICROSECONDS: Final = 1e6


@dataclass(frozen=True, slots=True)
class Trace:
    """A metric of one node, and the 10%, 50% and 90% quantiles of its fleet."""

    metric: Metric
    label: str
    unit: str
    times: Times
    value: Array
    low: Array
    middle: Array
    high: Array

    def movement(self, time: np.datetime64) -> float:
        """Return how far the node moved against its fleet shortly before a time, in the fleet's spreads."""
        spread = np.fmax((self.high - self.low) / NORMAL_SPREAD, LEAST_SPREAD * np.abs(self.middle))
        deviation = (self.value - self.middle) / np.where(spread > 0, spread, 1.0)
        begin = time - RECENT * (time - self.times[0]) if len(self.times) else time
        recent, before = (self.times > begin) & (self.times <= time), self.times <= begin
        moved = abs(finite_mean(deviation[recent]) - finite_mean(deviation[before]))
        return 0.0 if np.isnan(moved) else float(moved)


@dataclass(frozen=True, slots=True)
class TraceReader:
    """Reads the metrics of a node and its peers from a start to an end."""

    view: View
    names: tuple[str, ...]  # sorted: the node and its peers
    node: str
    start: np.datetime64
    end: np.datetime64

    def traces(self, metrics: Iterable[Metric]) -> list[Trace]:
        """Return the traces of metrics, in their order; several are read together, since opening a table is slow."""
        ordered, traces = list(metrics), dict[str, Trace]()
        for first in range(0, len(ordered), METRICS_A_READ):
            traces |= self._read_traces(ordered[first : first + METRICS_A_READ])
        return [traces[metric.name] for metric in ordered]

    def _read_traces(self, metrics: list[Metric]) -> dict[str, Trace]:
        grid = Grid.spanning(self.start, self.end, self.view.width)
        sampled = [metric for metric in metrics if metric.sampling == "sampled"]
        table = self._read([_column(metric) for metric in sampled], grid.start)
        traces = {metric.name: self._trace(metric, self._sampled(table, metric, grid), grid) for metric in sampled}
        changing = [metric for metric in metrics if metric.sampling == "on_change"]
        columns = [bucket_column(metric.name, aggregate) for metric in changing for aggregate in on_change.AGGREGATES]
        table = self._read(columns, None)
        return traces | {
            metric.name: self._trace(metric, self._on_change(table, metric, grid), grid) for metric in changing
        }

    def _trace(self, metric: Metric, values: Array, grid: Grid) -> Trace:
        """Return the node's values with its fleet's quantiles, in at most MOST_POINTS points."""
        ends = np.datetime64(0, "us") + grid.numbers.astype(np.int64) * to_step(grid.width)
        group = -(-grid.count // MOST_POINTS) or 1
        thinned = thin(values, group)
        label, unit = _label_and_unit(metric, grid.width)
        of_node = thinned[self.names.index(self.node)]
        return Trace(metric, label, unit, ends[group - 1 :: group], of_node, *fleet_quantiles(thinned))

    def _sampled(self, table: pl.DataFrame, metric: Metric, grid: Grid) -> Array:
        """Return names x buckets; if a bucket arrived in several parts, the first part counts."""
        first = table.sort(LATENESS).unique([NODE, BUCKET_END], keep="first", maintain_order=True)
        out = np.full((len(self.names), grid.count), np.nan)
        value = first[_column(metric)].to_numpy().astype(np.float64)
        if metric.kind is MetricKind.BOOT_TIME:
            value = (first[BUCKET_END].dt.timestamp("us").to_numpy() / MICROSECONDS - value) / SECONDS_AN_HOUR
        out[locate(first[NODE], self.names), grid.position(to_times(first[BUCKET_END]))] = value
        return out

    def _on_change(self, table: pl.DataFrame, metric: Metric, grid: Grid) -> Array:
        """Return names x buckets of a metric whose last value holds until the next change."""
        changes = OnChangeSeries.of(table, metric.name, self.names, grid.width)
        node, bucket = np.meshgrid(np.arange(len(self.names)), grid.numbers.astype(np.int64), indexing="ij")
        now = changes.at(node.ravel(), bucket.ravel())
        statistic = RUNNING if metric.kind is MetricKind.AGE else LAST
        return statistic.value(now, now).reshape(node.shape)

    def _read(self, columns: list[str], start: datetime | None) -> pl.DataFrame:
        if not columns:
            return pl.DataFrame()
        now = self.view.narrow(to_datetime(self.end))
        return now.buckets(columns, start).filter(pl.col(NODE).is_in(self.names))


def _column(metric: Metric) -> str:
    return bucket_column(metric.name, AGGREGATES.get(metric.kind, "mean"))


def _label_and_unit(metric: Metric, width: timedelta) -> tuple[str, str]:
    name = metric.label or metric.name
    if metric.kind is MetricKind.BOOT_TIME:
        return f"{name}: time since boot", "h"
    if metric.kind is MetricKind.COUNTER and metric.sampling == "sampled":
        return f"{name}: increase in {window_name(width)}", metric.unit
    return name, metric.unit


def _group(metric: Metric) -> str:
    """Return what a metric measures: a_mean and a_max both measure a, and counts of samples all measure coverage."""
    return metric.kind if metric.kind is MetricKind.COUNT else metric.name.rpartition("_")[0] or metric.name


def thin(values: Array, group: int) -> Array:
    """Return the mean of each `group` columns without missing values; an incomplete last group is dropped."""
    whole = values.shape[1] // group * group
    parts = values[:, :whole].reshape(len(values), -1, group)
    is_finite = np.isfinite(parts)
    count = is_finite.sum(axis=2)
    return np.where(count > 0, np.where(is_finite, parts, 0.0).sum(axis=2) / np.maximum(count, 1), np.nan)


def fleet_quantiles(values: Array) -> Array:
    """Return the FLEET_QUANTILES of each column over the rows that have a value; NaN where none has."""
    out = np.full((len(FLEET_QUANTILES), values.shape[1]), np.nan)
    has_values = np.isfinite(values).any(axis=0)
    if has_values.any():
        out[:, has_values] = np.nanquantile(values[:, has_values], FLEET_QUANTILES, axis=0)
    return out


def finite_mean(values: Array) -> float:
    """Return the mean of the finite values; NaN if there is none."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else np.nan


def moved_most(traces: list[Trace], moment: np.datetime64, count: int) -> list[Trace]:
    """Return the metrics that moved most; of those that measure the same thing only one."""
    ranked = sorted(traces, key=lambda trace: (-trace.movement(moment), trace.metric.name))
    selected: dict[str, Trace] = {}
    for trace in ranked:
        if trace.movement(moment) >= LEAST_MOVEMENT:
            selected.setdefault(_group(trace.metric), trace)
    return list(selected.values())[:count]
