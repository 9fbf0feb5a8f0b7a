"""Prints a backtest: the model next to every baseline, and what limits the figures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from models.evaluation.context import FEWEST_FAILURES
from models.evaluation.evaluate import MODEL
from pipelines.output.backtest_notes import (
    alarms_of,
    cause_notes,
    horizon_notes,
    nodes_at_risk,
    rate_notes,
    without_alarms,
)
from pipelines.output.estimates import fixed, with_interval
from pipelines.views.tables import print_lines
from serving.formats import alarm_rate, date_or_minute, duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from rich.console import Console

    from models.backtest.result import Backtest
    from models.evaluation.evaluate import Evaluation
    from models.metrics.estimate import Estimate


@dataclass(frozen=True, slots=True)
class MeasureColumn:
    """A measure under a heading, whether it depends on the alarm budget, and its decimals at least."""

    heading: str
    measure: str
    is_of_alarms: bool
    decimals: int

    def figure(self, evaluation: Evaluation, model: str, rate: float) -> Estimate:
        """Return the measure of a model, of its alarms at a rate if it depends on them."""
        return evaluation.figure(self.measure, model, rate=rate if self.is_of_alarms else None)

    def writer(self, evaluation: Evaluation, rate: float) -> Callable[[float | None], str]:
        """Return a function that writes the figures of all models with the same decimals.

        They are so many that the largest figure has two significant digits: those of short horizons are small.
        """
        values = (self.figure(evaluation, model, rate).value for model in evaluation.models)
        largest = max((abs(value) for value in values if value), default=1.0)
        return fixed(max(self.decimals, SIGNIFICANT - 1 - math.floor(math.log10(largest))))


SIGNIFICANT: Final = 2  # digits of the largest figure of a column
PR_AUC: Final = MeasureColumn("PR-AUC", "pr_auc", is_of_alarms=False, decimals=3)
CAUGHT: Final = MeasureColumn("caught", "caught_share", is_of_alarms=True, decimals=3)
COLUMNS: Final = (
    PR_AUC,
    CAUGHT,
    MeasureColumn("precision", "precision", is_of_alarms=True, decimals=3),
    MeasureColumn("lead, h", "median_lead_hours", is_of_alarms=True, decimals=0),
    MeasureColumn("obs/exp", "observed_over_expected", is_of_alarms=False, decimals=2),
    MeasureColumn("slope", "slope", is_of_alarms=False, decimals=2),
    MeasureColumn("skill", "brier_skill", is_of_alarms=False, decimals=3),
)
LEGEND: Final = """alarm: names the riskiest node that has none, and holds for the horizon
PR-AUC: precision averaged over every number of alarms
caught: share of all failures that an alarm preceded, within the horizon
precision: share of the alarms that a failure followed
lead, h: median hours from the alarm to the failure
obs/exp, slope: 1 where probabilities are right; skill: Brier's over base_rate
ratios to others are paired: above 1 the model does better
"""
STRONG_BASELINES: Final = ("history", "lightgbm_raw", "rule")
RATIO_DECIMALS: Final = 2


def show_backtest(backtest: Backtest, console: Console) -> None:
    """Print the figures and the paired ratios of each horizon, then warnings where the window proves little."""
    console.print(Text(_summary(backtest)), soft_wrap=True, end="\n\n")
    rate = backtest.budgets.headline_rate
    for horizon, evaluation in backtest.evaluations.items():
        console.print(Text(heading(horizon, rate, nodes_at_risk(backtest, horizon)), "bold"), soft_wrap=True)
        console.print(figures_table(evaluation, rate))
        console.print(intervals_table(evaluation, rate))
        print_lines(console, (f"  {note}" for note in horizon_notes(backtest, horizon)))
        console.print()
    console.print(Text(LEGEND))
    print_lines(console, (f"note: {note}" for note in rate_notes(backtest)))
    for note in cause_notes(backtest):
        console.print(Text(note))
    for warning in _warnings(backtest):
        console.print(Text(f"warning: {warning}", "yellow"), soft_wrap=True)
    if backtest.state_folder:
        console.print(Text(f"state kept in {backtest.state_folder}"), soft_wrap=True)


def heading(horizon: timedelta, rate: float, at_risk: int) -> str:
    """Return the heading of a horizon's tables: how far ahead, and how many alarms."""
    return f"{duration(horizon)} ahead, {alarm_rate(rate)} ({alarms_of(rate, at_risk)})"


def figures_table(evaluation: Evaluation, rate: float) -> Table:
    """Return a table of every model's figures at one horizon, within 80 columns."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column.heading, justify="right", no_wrap=True)
    writers = {column: column.writer(evaluation, rate) for column in COLUMNS}
    for model in evaluation.models:
        cells = [write(column.figure(evaluation, model, rate).value) for column, write in writers.items()]
        table.add_row(model, *cells, style="bold" if model == MODEL else None)
    return table


def intervals_table(evaluation: Evaluation, rate: float) -> Table:
    """Return a table of the model's figures and its ratios to the strongest baselines, with their 95% intervals."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("  95% intervals", no_wrap=True)
    columns = (PR_AUC, CAUGHT)
    for column in columns:
        table.add_column(column.heading, no_wrap=True)
    figures = (
        with_interval(column.figure(evaluation, MODEL, rate), column.writer(evaluation, rate)) for column in columns
    )
    table.add_row(f"  {MODEL}", *figures)
    for baseline in STRONG_BASELINES:
        if baseline in evaluation.models:
            ratios = (
                column.figure(evaluation, MODEL, rate).over(column.figure(evaluation, baseline, rate))
                for column in columns
            )
            cells = (with_interval(ratio, fixed(RATIO_DECIMALS)) for ratio in ratios)
            table.add_row(f"  {MODEL} / {baseline}", *cells)
    return table


def _summary(backtest: Backtest) -> str:
    replay, trained = backtest.replay, backtest.replay.trained
    return (
        f"{backtest.dataset}: trained on {trained.failures:,} failures known by {date_or_minute(replay.window.start)}, "
        f"{len(trained.training.catalogue.names)} features; "
        f"evaluated up to {date_or_minute(replay.window.end)}: {backtest.failures:,} failures, "
        f"{len(replay.rows):,} forecasts in {backtest.seconds:.0f} s"
    )


def _warnings(backtest: Backtest) -> Iterator[str]:
    replay, trained = backtest.replay, backtest.replay.trained
    yield from backtest.notices
    if not len(replay.rows):
        yield "no node was at risk in the test window: nothing was forecast"
    window = duration(replay.window.end - replay.window.start)
    for horizon in backtest.evaluations:
        if not replay.is_judged(horizon).any():
            yield f"no forecast over {duration(horizon)} can be evaluated in a window of {window}"
        yield from without_alarms(backtest, horizon)
    if not backtest.failures:
        yield "no failure in the test window: the share of failures caught is unknown"
    elif backtest.failures < FEWEST_FAILURES:
        yield f"{backtest.failures} failures in the test window: too few for intervals"
    if not trained.is_supported:
        yield (
            f"low support: {trained.failures} failures in training, {trained.setup.min_failures} needed "
            f"(model.min_failures); instead of a model: {trained.basis}"
        )
