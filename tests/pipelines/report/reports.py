"""Backtests of small made-up fleets, and the contents of their reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from models.backtest.replay import BacktestWindow
from models.backtest.run import run_backtest
from pipelines.report.values.contents import Contents, gather_contents
from pipelines.settings.schema import FleetSettings, ForecastSettings, PolicySettings, Settings
from pipelines.wiring.training_setup import evaluation_options
from tests.features.fleets import DAY, START
from tests.models.audit.plants import ahead_of_failure
from tests.models.replays import HORIZONS, WINDOW, made_up, setup_of

if TYPE_CHECKING:
    from models.backtest.result import Backtest
    from tests.features.fleets import Fleet

LONG = BacktestWindow(START + 18 * DAY, START + 49 * DAY)  # enough failures for intervals
SHORT = BacktestWindow(START + 18 * DAY, START + 24 * DAY)
SHORT_HORIZONS = (timedelta(hours=6), timedelta(hours=24))
HISTORY_START = START + 16 * DAY
MADE_AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
SETTINGS = Settings(
    fleet=FleetSettings(name="made up"),
    forecast=ForecastSettings(horizons=HORIZONS, alarm_rates=(0.08, 0.1, 0.2)),
)
HOSTILE = "<script>alert(1)</script>"


def backtest_of(
    fleet: Fleet, window: BacktestWindow = WINDOW, min_failures: int = 10, settings: Settings = SETTINGS
) -> Backtest:
    setup = setup_of(fleet.metrics, min_failures)
    if not fleet.metrics:
        setup = replace(setup, windows=(DAY, 2 * DAY, 7 * DAY))
    return run_backtest(fleet.view(), window, setup, evaluation_options(settings), lambda *_: None)


def contents(
    fleet: Fleet, window: BacktestWindow = WINDOW, min_failures: int = 10, settings: Settings = SETTINGS
) -> Contents:
    return gather_contents(backtest_of(fleet, window, min_failures, settings), fleet.view(), settings, MADE_AT)


@cache
def whole() -> Contents:
    """The report's contents for the made-up fleet."""
    return contents(made_up(), LONG)


@cache
def every_six_hours() -> Contents:
    """The contents of forecasts every 6 hours over the next 6 and 24, with a history that begins after the records."""
    settings = Settings(
        fleet=FleetSettings(name="made up"),
        forecast=ForecastSettings(horizons=SHORT_HORIZONS, every=SHORT_HORIZONS[0], alarm_rates=(0.08, 0.1, 0.2)),
        policy=PolicySettings(horizon=SHORT_HORIZONS[0]),
    )
    setup = setup_of(made_up().metrics)
    design = replace(setup.design, horizons=SHORT_HORIZONS, every=SHORT_HORIZONS[0])
    setup = replace(setup, design=design, history_start=HISTORY_START)
    options, view = evaluation_options(settings), made_up().view()
    backtest = run_backtest(view, SHORT, setup, options, lambda *_: None)
    return gather_contents(backtest, view, settings, MADE_AT)


@cache
def low_support() -> Contents:
    """The same, with too few failures to learn from."""
    return contents(made_up(), min_failures=10_000)


def renamed(fleet: Fleet, name: str) -> Fleet:
    """Rename the node that fails most."""
    failed = fleet.events.filter(pl.col("kind") == "failure")["node"].value_counts(sort=True, name="count")
    old = failed.sort("count", "node", descending=[True, False])["node"][0]
    tables = {table: getattr(fleet, table).with_columns(pl.col("node").replace(old, name)) for table in TABLES}
    return replace(fleet, **tables)


def warm_before_failures(fleet: Fleet) -> Fleet:
    """Make every node hot in the two days before it fails."""
    is_warm = ahead_of_failure(fleet, 2.0).cast(pl.Float64)
    return replace(fleet, telemetry=fleet.telemetry.with_columns(pl.col("temperature") + 40 * is_warm))


TABLES = ("events", "nodes", "telemetry")


def quiet(fleet: Fleet) -> Fleet:
    """Remove the failures of the test window."""
    return replace(fleet, events=fleet.events.filter(pl.col("start") < WINDOW.start))


def alone(fleet: Fleet) -> Fleet:
    """Keep only one node, which fails once before the window."""
    node = fleet.nodes.filter(pl.col("observed_from") < START)["node"][0]
    single = replace(fleet, **{table: getattr(fleet, table).filter(pl.col("node") == node) for table in TABLES})
    failed = single.events.head(1).with_columns(
        pl.lit("failure").alias("kind"),
        pl.lit(START + 3 * DAY).cast(pl.Datetime("us", "UTC")).alias("start"),
        pl.lit(START + 4 * DAY).cast(pl.Datetime("us", "UTC")).alias("end"),
        pl.lit(START + 3 * DAY).cast(pl.Datetime("us", "UTC")).alias("recorded_at"),
        pl.lit(START + 4 * DAY).cast(pl.Datetime("us", "UTC")).alias("end_recorded_at"),
    )
    return replace(single, events=failed)


def without_telemetry(fleet: Fleet) -> Fleet:
    return replace(fleet, metrics=(), telemetry=fleet.telemetry.drop([metric.name for metric in fleet.metrics]))
