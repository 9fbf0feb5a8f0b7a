"""Builds what training needs from the settings: horizons, metrics, the model's parameters, and the records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.errors import SettingsError
from data.view import RecordFrames, View, hindsight
from features.population.at_risk import Coverage
from features.training.training_set import Design
from models.backtest.run import EvaluationOptions
from models.evaluation.evaluate import AlarmBudgets
from models.setup import CauseCriteria, Params, Recipe, Setup
from pipelines.settings.translation import into
from pipelines.wiring.model_features import MissingMetricReader

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from data.delta.store import Store
    from data.schema import Metric
    from data.sql.records import Records
    from pipelines.settings.schema import CauseSettings, Settings


def training_setup(settings: Settings, columns: Sequence[str]) -> Setup:
    """Return how to train on a fleet whose telemetry has these metric columns.

    Raises:
        SettingsError: if the settings name a metric that telemetry does not have.
    """
    metrics = tuple(settings.metrics.metric(name) for name in sorted(columns) if name not in settings.metrics.ignore)
    forecast, model, design = settings.forecast, settings.model, design_of(settings)
    _require(metrics, [forecast.coverage_metric] if design.coverage else [], "forecast.coverage_metric")
    _require(metrics, settings.baselines.rule, "baselines.rule")
    return into(
        Setup,
        settings.features,
        settings.baselines,
        model,
        design=design,
        recipe=into(Recipe, forecast, model, params=into(Params, model)),
        metrics=metrics,
        history_start=forecast.history_start_time,
        causes=_cause_criteria(settings.causes),
    )


def design_of(settings: Settings) -> Design:
    """Return what is forecast, how often, and for which nodes."""
    forecast = settings.forecast
    coverage = Coverage(forecast.coverage_metric, forecast.coverage_share) if forecast.coverage_metric else None
    return into(Design, forecast, settings.model, coverage=coverage)


def evaluation_options(settings: Settings) -> EvaluationOptions:
    """Return how a backtest of the fleet is evaluated."""
    forecast = settings.forecast
    budgets = AlarmBudgets(forecast.alarm_shares, forecast.alarm_rates, forecast.leads)
    return EvaluationOptions(settings.fleet.name, budgets)


def hindsight_view(store: Store, records: Records, missing: Collection[str] = ()) -> View:
    """Return a view of everything that was ever recorded; narrow it to a time before any feature or model reads it.

    Metrics that are `missing` from telemetry read as if no node had ever reported them.
    """
    frames = RecordFrames(records.events(), records.nodes(), records.blind())
    buckets = store.buckets if store.telemetry.metrics() else None
    reader = MissingMetricReader(buckets, missing) if buckets and missing else buckets
    return hindsight(frames, store.buckets.width, reader)


def _cause_criteria(causes: CauseSettings) -> CauseCriteria:
    return into(CauseCriteria, causes, unknown=tuple(word.strip().lower() for word in causes.unknown))


def _require(metrics: Sequence[Metric], required: Sequence[str], key: str) -> None:
    metric_names = sorted(metric.name for metric in metrics)
    for name in required:
        if name not in metric_names:
            raise SettingsError(
                f"{key} names {name!r}, which telemetry does not have; it has {', '.join(metric_names) or 'no metric'}",
                fix=f"correct {key}, or ingest telemetry that has it",
            )
