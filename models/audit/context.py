"""What the checks of an audit share, each value computed once and only when a check uses it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.outages import merge_failures
from data.schema import BUCKET_END
from features.grid import Grid, to_datetime, to_step
from models.audit.arrivals import ArrivalCounts, read_counts
from models.audit.permutation import LabelledCases
from models.audit.probe_forecast import ProbeForecast, make_probe, middle_horizon

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from data.view import View
    from features.grid import Array
    from models.audit.arrivals import Arrivals
    from models.backtest.replay import BacktestWindow
    from models.setup import Setup


@dataclass(frozen=True, slots=True)
class AuditMaterial:
    """A fleet's records, the window whose forecasts are examined, and what is forecast."""

    hindsight: View
    window: BacktestWindow
    setup: Setup
    arrivals: Arrivals
    alarm_rate: float  # per node and day


@dataclass(frozen=True)
class AuditContext:
    """The material of an audit, and what is computed from it."""

    material: AuditMaterial

    @property
    def metrics(self) -> list[str]:
        """Return the names of the metrics."""
        return [metric.name for metric in self.material.setup.metrics]

    @property
    def every(self) -> timedelta:
        """Return the time between forecasts."""
        return self.material.setup.design.every

    @property
    def longest(self) -> timedelta:
        """Return the longest horizon."""
        return self.material.setup.design.horizons[-1]

    @property
    def width(self) -> np.timedelta64:
        """Return the width of the buckets."""
        return to_step(self.material.hindsight.width)

    @property
    def is_sparse(self) -> bool:
        """Return whether missing rows mean nothing, because every metric is reported only when it changes."""
        return all(metric.sampling == "on_change" for metric in self.material.setup.metrics)

    def rng(self) -> np.random.Generator:
        """Return a new generator of the setup's seed, so that no check depends on those before it."""
        return np.random.default_rng(self.material.setup.recipe.params.random_seed)

    @cached_property
    def known(self) -> View:
        """The records as they were known at the window's end."""
        return self.material.hindsight.narrow(self.material.window.end)

    @property
    def history_start(self) -> datetime | None:
        """Return the time before which records do not count, if there is one."""
        return self.material.setup.history_start

    @cached_property
    def events(self) -> pl.DataFrame:
        """The events of the history."""
        events, start = self.material.hindsight.events(), self.history_start
        return events if start is None else events.filter(pl.col("start") >= start)

    @cached_property
    def failures(self) -> pl.DataFrame:
        """The merged failures of the history up to the window's end."""
        repeat = self.material.setup.design.repeat_within(middle_horizon(self.material.setup))
        return merge_failures(self.events, repeat).filter(pl.col("start") <= self.material.window.end)

    @cached_property
    def nodes(self) -> pl.DataFrame:
        """The inventory of the history: its nodes are observed from its start on at the earliest."""
        nodes, start = self.known.nodes(), self.history_start
        if start is None:
            return nodes
        remaining = nodes.filter(pl.col("observed_until").is_null() | (pl.col("observed_until") > start))
        return remaining.with_columns(observed_from=pl.max_horizontal("observed_from", pl.lit(start)))

    @cached_property
    def row_counts(self) -> pl.DataFrame:
        """The number of rows of each metric in each bucket."""
        return read_counts(self.known, self.metrics)

    @cached_property
    def probe(self) -> ProbeForecast:
        """A small forecast of the window."""
        return make_probe(self.material.hindsight, self.material.window, self.material.setup)

    @cached_property
    def labelled(self) -> LabelledCases:
        """Who fails when among the forecast's rows."""
        return LabelledCases.of(self.probe.cases, self.rng())

    @property
    def scores(self) -> Array:
        """The forecast for the labelled rows."""
        return self.probe.scores[self.labelled.case]

    @cached_property
    def arrivals(self) -> ArrivalCounts:
        """When rows of telemetry became known, for the nodes of the forecast."""
        return ArrivalCounts.of(self.row_counts, self.probe.replay.risk.names, Grid.clock(self.known.width))

    @property
    def trained_from(self) -> datetime:
        """The first time at which a node was reporting and at risk."""
        return to_datetime(self.probe.training.rows.ts.min())

    @property
    def row_counts_in_training(self) -> pl.DataFrame:
        """The row counts of the buckets from that time on."""
        return self.row_counts.filter(pl.col(BUCKET_END) >= self.trained_from)
