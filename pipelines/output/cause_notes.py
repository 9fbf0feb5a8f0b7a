"""How well a backtest told causes, in words: the same on a terminal and on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.backtest.result import Backtest
    from models.metrics.estimate import Estimate

NOTHING: Final = "-"


def causes_in_words(found: Backtest) -> list[str]:
    """Say what could be told of causes at the longest horizon, and how right it was; nothing where none was learned."""
    causes, horizon = found.replay.causes, max(found.evaluations, default=None)
    if causes is None or horizon is None:
        return []
    told = found.evaluate_causes(horizon)
    if told is None or not told.failures or causes.model.doubt:
        return [causes.model.summary]
    figures = told.figures
    if not figures["answered_share"].value:
        return [causes.model.summary, f"no cause was told of the {told.failures:,} failures within {horizon:g} days"]
    share, number = (lambda value: f"{value:.0%}"), (lambda value: f"{value:.3f}")
    judged = (
        f"of {told.failures:,} failures within {horizon:g} days whose cause is known ({told.unexplained:,} have none): "
        f"told {_said(figures['answered_share'], share)}, right {_said(figures['answered_accuracy'], share)} of the "
        f"time (by their own account {_said(figures['answered_probability'], share)}); the fleet's commonest cause is "
        f"right {_said(figures['accuracy_of_commonest'], share)}, the node's last one "
        f"{_said(figures['accuracy_of_last'], share)}; log-loss skill over the fleet's frequencies "
        f"{_said(figures['log_loss_skill'], number)}"
    )
    return [causes.model.summary, judged]


def _said(figure: Estimate, form: Callable[[float], str]) -> str:
    low, high = figure.bounds()
    if figure.value is None:
        return NOTHING
    return form(figure.value) if low is None or high is None else f"{form(figure.value)} [{form(low)}, {form(high)}]"
