"""How a backtest looks on a terminal: the model beside every baseline, and what to make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.table import Table
from rich.text import Text

from models.evaluation.context import FEWEST_FAILURES
from models.evaluation.evaluate import MODEL
from pipelines.output.backtest_notes import notes
from pipelines.output.cause_notes import causes_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from models.backtest.result import Backtest
    from models.evaluation.evaluate import Evaluation
    from models.metrics.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Column:
    """A measure under a heading, whether it is one of the alarms', and its decimals."""

    heading: str
    measure: str
    is_of_alarms: bool
    decimals: int


PR_AUC: Final = Column("PR-AUC", "pr_auc", is_of_alarms=False, decimals=3)
CAUGHT: Final = Column("caught", "caught_share", is_of_alarms=True, decimals=3)
COLUMNS: Final = (
    PR_AUC,
    CAUGHT,
    Column("precision", "precision", is_of_alarms=True, decimals=3),
    Column("lead, h", "median_lead_hours", is_of_alarms=True, decimals=0),
    Column("obs/exp", "observed_over_expected", is_of_alarms=False, decimals=2),
    Column("slope", "slope", is_of_alarms=False, decimals=2),
    Column("skill", "brier_skill", is_of_alarms=False, decimals=3),
)
LEGEND: Final = """PR-AUC: precision averaged over every number of alarms
caught: share of all failures that an alarm preceded, within the horizon
lead, h: median hours from the first such alarm to the failure
obs/exp, slope: 1 where probabilities are right; skill: Brier's over base_rate
ratios to others are paired: above 1 the model does better
"""
RIVALS: Final = ("history", "lightgbm_raw", "rule")
RATIO_DECIMALS: Final = 2
NOTHING: Final = "-"
MANY: Final = 10  # from here on, a third decimal is noise


def show_backtest(found: Backtest, console: Console) -> None:
    """Show a table and the paired ratios of each horizon, and a warning where the window says little."""
    console.print(Text(_summary(found)), soft_wrap=True, end="\n\n")
    for horizon, evaluation in found.evaluations.items():
        console.print(figures_table(horizon, evaluation, found.middle_share, _at_risk(found, horizon)))
        console.print(intervals_table(evaluation, found.middle_share))
        for note in notes(found, horizon):
            console.print(Text(f"  {note}"), soft_wrap=True)
        console.print()
    console.print(Text(LEGEND))
    for line in causes_in_words(found):
        console.print(Text(line))
    for warning in _warnings(found):
        console.print(Text(f"warning: {warning}", "yellow"), soft_wrap=True)
    if found.state_folder:
        console.print(Text(f"state kept in {found.state_folder}"), soft_wrap=True)


def _summary(found: Backtest) -> str:
    replay, trained = found.replay, found.replay.trained
    return (
        f"{found.dataset}: trained on {trained.failures:,} failures known by {replay.window.start:%Y-%m-%d}, "
        f"{len(trained.training.catalogue.names)} features; "
        f"judged up to {replay.window.end:%Y-%m-%d}: {found.failures:,} failures, "
        f"{len(replay.rows):,} forecasts in {found.seconds:.0f} s"
    )


def _warnings(found: Backtest) -> Iterator[str]:
    trained = found.replay.trained
    yield from found.notices
    if not len(found.replay.rows):
        yield "no node was at risk in the test window: nothing was forecast"
    window = found.replay.window
    for days in found.evaluations:
        if not found.replay.is_judged(days).any():
            yield f"no forecast over {days:g} days can be judged in a window of {(window.end - window.start).days} days"
    if not found.failures:
        yield "no failure in the test window: how many would have been caught can't be told"
    elif found.failures < FEWEST_FAILURES:
        yield f"{found.failures} failures in the test window: too few for intervals"
    if not trained.is_supported:
        yield (
            f"low support: {trained.failures} failures in training, {trained.setup.min_failures} needed "
            "(model.min_failures); history and pooled rates stand in for a model"
        )


def _at_risk(found: Backtest, horizon: float) -> int:
    """Give how many nodes are at risk at a time, by the median."""
    _, nodes = np.unique(found.replay.of_horizon(horizon)[0].ts, return_counts=True)
    return int(np.median(nodes)) if len(nodes) else 0


def figures_table(horizon: float, evaluation: Evaluation, share: float, at_risk: int) -> Table:
    """Lay out every model's figures at one horizon, within 80 columns."""
    days = "1 day" if horizon == 1 else f"{horizon:g} days"
    alarms = f"alarms on {share:.1%} of the nodes ({np.ceil(share * at_risk):.0f} of {at_risk:,} at a time)"
    table = Table(title=f"{days} ahead, {alarms}", title_justify="left", title_style="bold")
    table.box, table.padding, table.pad_edge = None, (0, 2, 0, 0), False
    table.add_column("", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column.heading, justify="right", no_wrap=True)
    for model in evaluation.models:
        cells = [_value(_figure(evaluation, column, model, share), column.decimals) for column in COLUMNS]
        table.add_row(model, *cells, style="bold" if model == MODEL else None)
    return table


def intervals_table(evaluation: Evaluation, share: float) -> Table:
    """Lay out the model's own figures and its ratios to the strongest baselines, with their 95% intervals."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("  95% intervals", no_wrap=True)
    for column in (PR_AUC, CAUGHT):
        table.add_column(column.heading, no_wrap=True)
    own = (_with_interval(_figure(evaluation, column, MODEL, share), column.decimals) for column in (PR_AUC, CAUGHT))
    table.add_row(f"  {MODEL}", *own)
    for other in RIVALS:
        if other in evaluation.models:
            table.add_row(f"  {MODEL} / {other}", *_ratios(evaluation, other, share))
    return table


def _ratios(evaluation: Evaluation, other: str, share: float) -> Iterator[str]:
    for column in (PR_AUC, CAUGHT):
        at = share if column.is_of_alarms else None
        yield _with_interval(evaluation.ratio(column.measure, MODEL, other, at), RATIO_DECIMALS)


def _figure(evaluation: Evaluation, column: Column, model: str, share: float) -> Estimate:
    return evaluation.figure(column.measure, model, share if column.is_of_alarms else None)


def _with_interval(figure: Estimate, decimals: int) -> str:
    low, high = figure.bounds()
    value = _value(figure, decimals)
    return value if low is None or high is None else f"{value} [{_digits(low, decimals)}, {_digits(high, decimals)}]"


def _value(figure: Estimate, decimals: int) -> str:
    return NOTHING if figure.value is None else _digits(figure.value, decimals)


def _digits(value: float, decimals: int) -> str:
    return f"{value:,.{decimals if abs(value) < MANY else min(decimals, 1)}f}"
