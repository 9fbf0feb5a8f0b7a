"""Turns settings into what training is told: horizons, metrics, trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.errors import SettingsError
from data.view import RecordFrames, View, hindsight
from features.population.at_risk import Coverage
from features.training.training_set import Design
from models.backtest.judge import Judging
from models.setup import Params, Recipe, Setup, Terms
from pipelines.wiring.model_features import MissingMetricReader

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from data.delta.store import Store
    from data.schema import Metric
    from data.sql.records import Records as Database
    from pipelines.settings.schema import Settings


def setup(settings: Settings, columns: Sequence[str]) -> Setup:
    """Describe training on a fleet whose telemetry has these metric columns.

    Raises:
        SettingsError: if the settings name a metric that telemetry does not have.
    """
    metrics = tuple(settings.metrics.metric(name) for name in sorted(columns) if name not in settings.metrics.ignore)
    forecast, model = settings.forecast, settings.model
    coverage = Coverage(forecast.coverage_metric, forecast.coverage_share) if forecast.coverage_metric else None
    _require(metrics, [forecast.coverage_metric] if coverage else [], "forecast.coverage_metric")
    _require(metrics, settings.baselines.rule, "baselines.rule")
    params = Params(
        trees=model.trees,
        leaves=model.leaves,
        learning_rate=model.learning_rate,
        min_child=model.min_child,
        feature_share=model.feature_share,
        row_share=model.row_share,
        l2=model.l2,
        half_life_days=model.half_life_days,
        trees_share=model.trees_share,
        bins=model.bins,
        seeds=model.seeds,
        random_seed=model.random_seed,
    )
    return Setup(
        Design(forecast.horizons_days, forecast.every_days, coverage, model.negatives_per_positive),
        Recipe(params, model.folds, forecast.every_days),
        metrics,
        settings.features.windows,
        settings.baselines.rule,
        model.min_failures,
        forecast.history_start_time,
        _terms(settings),
    )


def judging(settings: Settings) -> Judging:
    """Describe how a backtest of the fleet is judged."""
    return Judging(settings.fleet.name, settings.forecast.alarm_shares, settings.forecast.lead_hours)


def _terms(settings: Settings) -> Terms:
    told = settings.causes
    unknown = tuple(word.strip().lower() for word in told.unknown)
    return Terms(unknown, told.min_failures, told.min_of_a_cause, told.min_probability)


def _require(metrics: Sequence[Metric], wanted: Sequence[str], key: str) -> None:
    known = sorted(metric.name for metric in metrics)
    for name in wanted:
        if name not in known:
            raise SettingsError(
                f"{key} names {name!r}, which telemetry does not have; it has {', '.join(known) or 'no metric'}",
                fix=f"correct {key}, or ingest telemetry that has it",
            )


def everything(store: Store, database: Database, lost: Collection[str] = ()) -> View:
    """See all that was ever recorded; narrow it to a time before any feature or model sees it.

    Metrics that are `lost` read as if no node had ever reported them.
    """
    records = RecordFrames(database.events(), database.nodes(), database.blind())
    buckets = store.buckets if store.telemetry.metrics() else None
    return hindsight(records, store.buckets.width, MissingMetricReader(buckets, lost) if buckets and lost else buckets)
