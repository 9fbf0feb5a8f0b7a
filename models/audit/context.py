"""What the tests of an audit look at, each part made once and only when a test asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.schema import BUCKET_END
from features.grid import Grid, to_datetime, to_step
from features.training.labels import merge_failures
from models.audit import arrivals
from models.audit.permutation import LabelledRows
from models.audit.probe_forecast import ProbeForecast, rehearse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from models.audit.arrivals import Arrivals
    from models.backtest.replay import BacktestWindow
    from models.setup import Setup


@dataclass(frozen=True, slots=True)
class AuditMaterial:
    """A fleet's records, the window whose forecasts are in question, and what is forecast."""

    hindsight: View
    window: BacktestWindow
    setup: Setup
    arrivals: Arrivals
    alarm_share: float


@dataclass(frozen=True)
class AuditContext:
    """The material of an audit, and what is made of it."""

    material: AuditMaterial

    @property
    def metrics(self) -> list[str]:
        """Name the metrics."""
        return [metric.name for metric in self.material.setup.metrics]

    @property
    def every_days(self) -> float:
        """Give the days between forecasts."""
        return self.material.setup.design.every_days

    @property
    def longest(self) -> timedelta:
        """Give the longest horizon."""
        return timedelta(days=self.material.setup.design.horizons_days[-1])

    @property
    def width(self) -> np.timedelta64:
        """Give the buckets' width."""
        return to_step(self.material.hindsight.width)

    @property
    def is_sparse(self) -> bool:
        """Tell whether silence means nothing: there are no metrics but those that are reported when they change."""
        return all(metric.sampling == "on_change" for metric in self.material.setup.metrics)

    def rng(self) -> np.random.Generator:
        """Start the seed's numbers anew, so that no test depends on those before."""
        return np.random.default_rng(self.material.setup.recipe.params.random_seed)

    @cached_property
    def known(self) -> View:
        """View the records as they were known at the window's end."""
        return self.material.hindsight.narrow(self.material.window.end)

    @cached_property
    def events(self) -> pl.DataFrame:
        """Give all events."""
        return self.material.hindsight.events()

    @cached_property
    def failures(self) -> pl.DataFrame:
        """Give the merged failures up to the window's end."""
        return merge_failures(self.events).filter(pl.col("start") <= self.material.window.end)

    @cached_property
    def table(self) -> pl.DataFrame:
        """Give how many rows each bucket holds of each metric."""
        return arrivals.read(self.known, self.metrics)

    @cached_property
    def rehearsal(self) -> ProbeForecast:
        """Give a small forecast of the window."""
        return rehearse(self.material.hindsight, self.material.window, self.material.setup)

    @cached_property
    def marks(self) -> LabelledRows:
        """Give who fails when among the forecast's rows."""
        return LabelledRows.of(self.rehearsal.cases, self.rng())

    @property
    def scores(self) -> NDArray[np.float64]:
        """Give the forecast for the rows of the marks."""
        return self.rehearsal.scores[self.marks.row]

    @cached_property
    def seen(self) -> arrivals.ArrivalCounts:
        """Give when rows were written, for the nodes of the forecast."""
        return arrivals.ArrivalCounts.of(self.table, self.rehearsal.replay.risk.names, Grid.clock(self.known.width))

    @property
    def trained_from(self) -> datetime:
        """Give the first time at which a node was seen and at risk."""
        return to_datetime(self.rehearsal.replay.trained.training.rows.ts.min())

    @property
    def trained_table(self) -> pl.DataFrame:
        """Give the buckets from then on."""
        return self.table.filter(pl.col(BUCKET_END) >= self.trained_from)
