"""What is caught early enough to act on, at every alarm budget, beside what history alone would catch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.evaluation.evaluate import MODEL
from models.evaluation.lead_times import caught_share_name, notice_within
from pipelines.output.backtest_notes import HISTORY_BASELINE
from pipelines.report.terms import rough, share, with_interval

if TYPE_CHECKING:
    from pipelines.report.values.horizon import Study

Line = tuple[str, str, str, str, str]  # alarms on, notice, caught, caught by history alone, the ratio of the two


def lines(study: Study, lead_hours: tuple[int, ...]) -> list[Line]:
    """Write a line for each budget and notice; none where the horizon is too short for it."""
    evaluation = study.evaluation
    return [
        (
            share(budget),
            f"{hours} h",
            with_interval(evaluation.figure(caught_share_name(hours), MODEL, budget)),
            with_interval(evaluation.figure(caught_share_name(hours), HISTORY_BASELINE, budget)),
            with_interval(evaluation.ratio(caught_share_name(hours), MODEL, HISTORY_BASELINE, budget), rough),
        )
        for hours in notice_within(lead_hours, study.horizon_days)
        for budget in evaluation.models[MODEL].budgets
    ]
