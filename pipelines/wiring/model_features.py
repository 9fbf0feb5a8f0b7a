"""Builds the features of a model that was trained earlier from today's telemetry: metrics may have come and gone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from data.schema import AGGREGATE_TYPES, COUNTERS, SEPARATOR, bucket_column
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.catalogue.history_windows import HistoryWindows
from features.catalogue.idle_spells import threshold_of
from features.feature import Catalogue, window_in
from serving.formats import duration

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime, timedelta

    from data.schema import Metric
    from data.view import BucketReader, View
    from models.registry.bundle import Manifest
    from pipelines.settings.schema import Settings

COUNT: Final = "n"


@dataclass(frozen=True, slots=True)
class ModelFeatures:
    """A model's features and metrics, as the settings describe them today, and how telemetry differs from them."""

    catalogue: Catalogue
    metrics: tuple[Metric, ...]
    missing: tuple[str, ...]  # metrics of the model that telemetry has no column for
    new: tuple[str, ...]  # metrics of telemetry that the model does not know

    def notices(self, view: View, manifest: Manifest) -> Iterator[str]:
        """Report metrics that came, went or fell silent since the model was trained."""
        trained = f"the model was trained until {manifest.trained_until}"
        for name in self.new:
            yield f"{name} is not used: {trained}, without it; train again to use it"
        for name in self.missing:
            yield f"{name} is empty: {trained}, with it, and telemetry no longer has it"
        for name, window in self._silent(view):
            yield f"{name} is empty: no node reported it in the last {duration(window)}"

    def _silent(self, view: View) -> Iterator[tuple[str, timedelta]]:
        """Yield the sampled metrics without a value in the longest window that a feature needs, and this window."""
        sampled = [metric.name for metric in self.metrics if metric.sampling == "sampled"]
        names = [name for name in sampled if name not in self.missing]
        lengths = (feature.window for feature in self.catalogue.features if feature.metric in names and feature.window)
        longest = max(lengths, default=None)
        if longest is None:
            return
        columns = [bucket_column(name, COUNT) for name in names]
        samples = view.buckets(columns, start=view.at - longest).select(columns).sum().row(0)
        for name, count in zip(names, samples, strict=True):
            if not count:
                yield name, longest


def model_features(settings: Settings, stored: Collection[str], manifest: Manifest) -> ModelFeatures:
    """Return the features of a model on a fleet whose telemetry has the `stored` metric columns.

    Their windows and idle thresholds are those of the model's names, whatever the settings say today.
    """
    history = HistoryWindows.in_names(manifest.features)
    no_metrics = FleetCapabilities((), (), manifest.has_racks, manifest.has_hardware, manifest.causes, history)
    history_features = set(build(no_metrics).names)
    metric_features = [name for name in manifest.features if name not in history_features]
    split_names = [name.rsplit(SEPARATOR, 2) for name in metric_features]
    model_metrics = sorted({metric for metric, *_ in split_names} - {COUNTERS})
    idle_below = {
        metric: below for metric, statistic, _ in split_names if (below := threshold_of(statistic)) is not None
    }
    metrics = tuple(replace(settings.metrics.metric(name), idle_below=idle_below.get(name)) for name in model_metrics)
    available = set(stored) - set(settings.metrics.ignore)
    fleets = (
        replace(no_metrics, metrics=metrics, windows=windows)
        for windows in _windows(metric_features, settings.features.windows)
    )
    by_name = {feature.name: feature for fleet in fleets for feature in build(fleet).features}
    catalogue = Catalogue(tuple(by_name[name] for name in manifest.features if name in by_name))
    missing, new = sorted(set(model_metrics) - available), sorted(available - set(model_metrics))
    return ModelFeatures(catalogue, metrics, tuple(missing), tuple(new))


def _windows(names: Sequence[str], today: tuple[timedelta, ...]) -> Iterator[tuple[timedelta, ...]]:
    """Yield the windows over metrics that a model may have had, by the names of its features; the likeliest ones last.

    They are all in the names, except that boot times alone do not show the shortest one: then it is one below these.
    """
    windows = tuple(sorted({window for name in names if (window := window_in(name)) is not None})) or today
    yield windows[0] / 2, *windows
    yield windows


@dataclass(frozen=True, slots=True)
class MissingMetricReader:
    """Reads buckets of metrics that telemetry no longer has as if no node had ever reported them."""

    reader: BucketReader
    missing: Collection[str]

    def read(self, columns: Sequence[str], until: datetime, start: datetime | None = None) -> pl.DataFrame:
        """Read the columns that exist, and add the missing ones without a value."""
        absent = [name for name in columns if name.rpartition(SEPARATOR)[0] in self.missing]
        rows = self.reader.read([name for name in columns if name not in absent], until, start)
        return rows.with_columns(_without_value(name) for name in absent)


def _without_value(column: str) -> pl.Expr:
    aggregate = column.rpartition(SEPARATOR)[2]
    return pl.lit(0 if aggregate == COUNT else None, AGGREGATE_TYPES[aggregate]).alias(column)
