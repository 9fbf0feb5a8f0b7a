"""How a backtest looks on a terminal: the model beside every baseline, and what to make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from models.bench import FEWEST_FAILURES
from pipelines.backtest_report import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from models.evaluate import Evaluation
    from models.figures import Figure
    from pipelines.backtest import Backtest

COLUMNS: Final = (  # heading, measure, whether it is one of the alarms'
    ("PR-AUC", "pr_auc", False),
    ("caught", "caught_share", True),
    ("precision", "precision", True),
    ("lead, h", "median_lead_hours", True),
    ("obs/exp", "observed_over_expected", False),
    ("slope", "slope", False),
    ("skill", "brier_skill", False),
)
PAIRED: Final = (("caught", "caught_share", True), ("PR-AUC", "pr_auc", False))
RIVALS: Final = ("history", "lightgbm_raw", "rule")
NOTHING: Final = "-"
MANY: Final = 100  # from here on, decimals are noise
FEW: Final = 0.2  # below, two decimals are too few


def show_backtest(found: Backtest, console: Console) -> None:
    """Show a table and the paired ratios of each horizon, and a warning where the window says little."""
    console.print(_summary(found), soft_wrap=True, highlight=False)
    for horizon, evaluation in found.evaluations.items():
        console.print(_table(horizon, evaluation, found.middle_share))
        for line in _intervals(evaluation, found.middle_share):
            console.print(line, soft_wrap=True, highlight=False)
    for warning in _warnings(found):
        console.print(Text(f"warning: {warning}", "yellow"), soft_wrap=True)
    if found.kept:
        console.print(f"state kept in {found.kept}", soft_wrap=True, highlight=False)


def _summary(found: Backtest) -> str:
    replay, trained = found.replay, found.replay.trained
    return (
        f"{found.dataset}: trained on {trained.failures:,} failures known by {replay.window.start:%Y-%m-%d} "
        f"({trained.support}), {len(trained.training.catalogue.names)} features; "
        f"judged up to {replay.window.end:%Y-%m-%d}: {found.failures:,} failures, "
        f"{len(replay.rows):,} forecasts in {found.seconds:.0f} s"
    )


def _warnings(found: Backtest) -> Iterator[str]:
    trained = found.replay.trained
    if not len(found.replay.rows):
        yield "no node was at risk in the test window: nothing was forecast"
    if not found.failures:
        yield "no failure in the test window: how many would have been caught can't be told"
    elif found.failures < FEWEST_FAILURES:
        yield f"{found.failures} failures in the test window: too few for intervals"
    if not trained.is_supported:
        yield (
            f"low support: {trained.failures} failures in training, {trained.setup.min_failures} needed "
            "(model.min_failures); history and pooled rates stand in for a model"
        )


def _table(horizon: float, evaluation: Evaluation, share: float) -> Table:
    title = f"{horizon:g} days ahead, alarms on {share:.1%} of the nodes"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name, _, _ in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for model in evaluation.models:
        cells = [_value(evaluation.figure(name, model, share if of_alarms else None)) for _, name, of_alarms in COLUMNS]
        table.add_row(model, *cells, style="bold" if model == MODEL else None)
    return table


def _intervals(evaluation: Evaluation, share: float) -> Iterator[str]:
    """Give the model's own figures and its ratios to the strongest baselines, with their 95% intervals."""
    for name, measure, of_alarms in PAIRED:
        at = share if of_alarms else None
        ratios = [
            f"/ {other} {_with_interval(evaluation.ratio(measure, MODEL, other, at))}"
            for other in RIVALS
            if other in evaluation.models
        ]
        yield f"  {name} {_with_interval(evaluation.figure(measure, MODEL, at))}; {'; '.join(ratios)}"
    yield ""


def _with_interval(figure: Figure) -> str:
    low, high = figure.bounds()
    return _value(figure) if low is None or high is None else f"{_value(figure)} [{_digits(low)}, {_digits(high)}]"


def _value(figure: Figure) -> str:
    return NOTHING if figure.value is None else _digits(figure.value)


def _digits(value: float) -> str:
    if abs(value) >= MANY:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= FEW else f"{value:.3f}"
