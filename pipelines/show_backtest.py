"""How a backtest looks on a terminal: the model beside every baseline, and what to make of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from models.evaluate import Evaluation
    from models.figures import Figure
    from pipelines.backtest import Backtest

WITH_INTERVAL = ("pr_auc", "caught_share")
COLUMNS = (
    ("PR-AUC", "pr_auc", False),
    ("caught", "caught_share", True),
    ("precision", "precision", True),
    ("lead, h", "median_lead_hours", True),
    ("observed/\nexpected", "observed_over_expected", False),
    ("slope", "slope", False),
    ("Brier\nskill", "brier_skill", False),
)


def show_backtest(found: Backtest, console: Console) -> None:
    """Show one table a horizon, the paired ratios, and a warning where the window says little."""
    replay, trained, share = found.replay, found.replay.trained, found.middle_share
    console.print(
        Text(
            f"{found.dataset}: trained on {trained.failures:,} failures known by {replay.window.start:%Y-%m-%d} "
            f"({trained.support}), {len(trained.training.catalogue.names)} features; "
            f"judged up to {replay.window.end:%Y-%m-%d}: {found.failures:,} failures, "
            f"{len(replay.rows):,} forecasts in {found.seconds:.0f} s"
        ),
        soft_wrap=True,
    )
    for horizon, evaluation in found.evaluations.items():
        console.print(_table(horizon, evaluation, share))
        console.print(Text(_ratios(evaluation, share)), soft_wrap=True)
    if not found.failures:
        console.print(Text("warning: no failure in the test window: nothing can be judged", "yellow"), soft_wrap=True)
    if not trained.is_supported:
        console.print(
            Text(f"warning: low support: {trained.failures} failures in training, "
                 f"{trained.setup.min_failures} needed; history and pooled rates stand in for a model", "yellow"),
            soft_wrap=True,
        )  # fmt: skip


def _table(horizon: float, evaluation: Evaluation, share: float) -> Table:
    title = f"{horizon:g} days ahead, alarms on {share:.1%} of the nodes"
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True)
    for name, _, _ in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    for model in evaluation.models:
        cells = [
            _cell(evaluation.figure(measure, model, share if at else None), interval=measure in WITH_INTERVAL)
            for _, measure, at in COLUMNS
        ]
        table.add_row(model, *cells, style="bold" if model == "model" else None)
    return table


def _cell(figure: Figure, *, interval: bool = True) -> str:
    told: dict[str, Any] = figure.to_json()
    if told["value"] is None:
        return "–"
    if told["low"] is None or not interval:
        return _digits(told["value"])
    return f"{_digits(told['value'])} [{_digits(told['low'])}, {_digits(told['high'])}]"


def _digits(value: float) -> str:
    if abs(value) >= 100:  # noqa: PLR2004 - three digits are enough to read
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) >= 0.2 else f"{value:.3f}"  # noqa: PLR2004 - the same


def _ratios(evaluation: Evaluation, share: float) -> str:
    told = [
        f"{name} / {other}: {_cell(evaluation.ratio(measure, 'model', other, at))}"
        for name, measure, at in (("caught", "caught_share", share), ("PR-AUC", "pr_auc", None))
        for other in ("history", "lightgbm_raw", "rule")
        if other in evaluation.models
    ]
    return "model against baselines, paired: " + "; ".join(told) + "\n"
