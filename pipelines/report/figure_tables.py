"""Writes the tables of figures of one horizon: every measure of every model, and early catches by alarm rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.evaluation.evaluate import MODEL
from models.evaluation.lead_times import caught_share_name, notice_within
from pipelines.output.backtest_notes import HISTORY_BASELINE
from pipelines.output.estimates import with_interval
from pipelines.report.terms import hours, percentage, rounded, typeset
from serving.formats import alarm_rate, duration

if TYPE_CHECKING:
    from datetime import timedelta

    from pipelines.report.values.horizon import HorizonStudy

COLUMNS: Final = {
    "pr_auc": "PR-AUC",
    "roc_auc": "ROC-AUC",
    "caught_share": "caught",
    "precision": "precision of alarms",
    "median_lead_hours": "median lead",
    "false_episodes_per_1000_node_days": "false alarms per 1,000 node-days",
    "observed_over_expected": "observed / expected",
    "slope": "slope",
    "ece": "calibration error",
    "brier_skill": "Brier skill",
}
OF_ALARMS: Final = (
    "caught_share",
    "precision",
    "median_lead_hours",
    "false_episodes_per_1000_node_days",
)
FORMATS: Final = {
    "caught_share": percentage,
    "precision": percentage,
    "brier_skill": percentage,
    "median_lead_hours": hours,
}

EarlyCatches = tuple[str, str, str, str, str]  # alarm rate, notice, caught, caught by history alone, their ratio


def figure_rows(study: HorizonStudy) -> list[tuple[str, list[str]]]:
    """Return every model with its figures, under COLUMNS."""
    return [(model, [_figure(study, measure, model) for measure in COLUMNS]) for model in study.evaluation.models]


def early_catches(study: HorizonStudy, notices: tuple[timedelta, ...]) -> list[EarlyCatches]:
    """Return a row for each notice and alarm rate; none if the horizon is too short."""
    evaluation = study.evaluation
    return [
        (
            alarm_rate(rate),
            duration(notice),
            with_interval(evaluation.figure(caught_share_name(notice), MODEL, rate=rate), percentage),
            with_interval(evaluation.figure(caught_share_name(notice), HISTORY_BASELINE, rate=rate), percentage),
            with_interval(evaluation.ratio(caught_share_name(notice), MODEL, HISTORY_BASELINE, rate=rate), rounded),
        )
        for notice in notice_within(notices, study.horizon)
        for rate in evaluation.models[MODEL].episode_budgets
    ]


def _figure(study: HorizonStudy, measure: str, model: str) -> str:
    figure = study.evaluation.figure(measure, model, rate=study.rate if measure in OF_ALARMS else None)
    return with_interval(figure, FORMATS.get(measure, typeset))
