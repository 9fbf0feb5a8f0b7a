"""Writes the tables of figures of one horizon: every measure of every model, and early catches by alarm share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.evaluation.evaluate import MODEL
from models.evaluation.lead_times import caught_share_name, notice_within
from pipelines.output.backtest_notes import HISTORY_BASELINE
from pipelines.output.estimates import with_interval
from pipelines.report.terms import percentage, rounded, typeset

if TYPE_CHECKING:
    from pipelines.report.values.horizon import HorizonStudy

COLUMNS: Final = {
    "pr_auc": "PR-AUC",
    "roc_auc": "ROC-AUC",
    "caught_share": "caught",
    "precision": "precision of alarms",
    "episode_precision": "precision of episodes",
    "median_lead_hours": "median lead, h",
    "false_alarms_per_1000_node_days": "false alarms per 1,000 node-days",
    "observed_over_expected": "observed / expected",
    "slope": "slope",
    "ece": "calibration error",
    "brier_skill": "Brier skill",
}
OF_ALARMS: Final = (
    "caught_share",
    "precision",
    "episode_precision",
    "median_lead_hours",
    "false_alarms_per_1000_node_days",
)
PERCENTAGES: Final = ("caught_share", "precision", "episode_precision", "brier_skill")

EarlyCatches = tuple[str, str, str, str, str]  # alarms on, hours ahead, caught, caught by history alone, their ratio


def figure_rows(study: HorizonStudy) -> list[tuple[str, list[str]]]:
    """Return every model with its figures, under COLUMNS."""
    return [(model, [_figure(study, measure, model) for measure in COLUMNS]) for model in study.evaluation.models]


def early_catches(study: HorizonStudy, lead_hours: tuple[int, ...]) -> list[EarlyCatches]:
    """Return a row for each lead time and alarm share; none if the horizon is too short."""
    evaluation = study.evaluation
    return [
        (
            percentage(share),
            f"{hours} h",
            with_interval(evaluation.figure(caught_share_name(hours), MODEL, share), percentage),
            with_interval(evaluation.figure(caught_share_name(hours), HISTORY_BASELINE, share), percentage),
            with_interval(evaluation.ratio(caught_share_name(hours), MODEL, HISTORY_BASELINE, share), rounded),
        )
        for hours in notice_within(lead_hours, study.horizon_days)
        for share in evaluation.models[MODEL].budgets
    ]


def _figure(study: HorizonStudy, measure: str, model: str) -> str:
    figure = study.evaluation.figure(measure, model, study.alarm_share if measure in OF_ALARMS else None)
    return with_interval(figure, percentage if measure in PERCENTAGES else typeset)
