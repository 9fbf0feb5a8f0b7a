"""What a fleet offers today to a model that was trained before: new metrics are left out, lost ones empty."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from data.schema import AGGREGATE_TYPES, COUNTERS, SEPARATOR, bucket_column
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.feature import Catalogue
from features.telemetry.idle import parse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from data.schema import Metric
    from data.view import BucketReader, View
    from models.registry.bundle import Manifest
    from pipelines.settings.schema import Settings

COUNT: Final = "n"


@dataclass(frozen=True, slots=True)
class ModelFeatures:
    """The model's own metrics, as the settings describe them today, and where telemetry differs from them."""

    catalogue: Catalogue
    metrics: tuple[Metric, ...]
    lost: tuple[str, ...]  # telemetry has no column for these
    new: tuple[str, ...]  # the model does not know these

    def notices(self, view: View, manifest: Manifest) -> Iterator[str]:
        """Tell of metrics that came or went since the model was trained, as a view knows them."""
        trained = f"the model was trained until {manifest.trained_until}"
        for name in self.new:
            yield f"{name} is not used: {trained}, without it; train again to use it"
        for name in self.lost:
            yield f"{name} is empty: {trained}, with it, and telemetry has it no more"
        for name, days in self._silent(view):
            yield f"{name} is empty: no node reported it in the last {days:g} days"

    def _silent(self, view: View) -> Iterator[tuple[str, float]]:
        """Name sampled metrics that none of a model's windows finds a value of."""
        names = [one.name for one in self.metrics if one.sampling == "sampled" and one.name not in self.lost]
        reach = max((f.window for f in self.catalogue.features if f.metric in names and f.window), default=None)
        if reach is None:
            return
        counts = [bucket_column(name, COUNT) for name in names]
        seen = view.buckets(counts, start=view.at - reach).select(counts).sum().row(0)
        for name, count in zip(names, seen, strict=True):
            if not count:
                yield name, reach.total_seconds() / 86_400


def offer(settings: Settings, stored: Collection[str], manifest: Manifest) -> ModelFeatures:
    """Set the metrics that telemetry has beside those that a model was trained on."""
    plan = FleetCapabilities((), settings.features.windows, manifest.has_racks, manifest.has_hardware, manifest.causes)
    others = set(build(plan).names)
    parted = [name.rsplit(SEPARATOR, 2) for name in manifest.features if name not in others]
    own = sorted({metric for metric, *_ in parted} - {COUNTERS})
    idle = {metric: found[1] for metric, stat, _ in parted if (found := parse(stat))}
    metrics = tuple(replace(settings.metrics.metric(name), idle_below=idle.get(name)) for name in own)
    there = set(stored) - set(settings.metrics.ignore)
    offered = build(FleetCapabilities(metrics, plan.windows, plan.has_racks, plan.has_hardware, plan.causes))
    by_name = {feature.name: feature for feature in offered.features}
    catalogue = Catalogue(tuple(by_name[name] for name in manifest.features if name in by_name))
    return ModelFeatures(catalogue, metrics, tuple(sorted(set(own) - there)), tuple(sorted(there - set(own))))


@dataclass(frozen=True, slots=True)
class MissingMetricReader:
    """Reads buckets of metrics that telemetry has no more as if no node had ever reported them."""

    reader: BucketReader
    lost: Collection[str]

    def read(self, columns: Sequence[str], until: datetime, start: datetime | None = None) -> pl.DataFrame:
        """Read the columns that are there, and give the others without a value."""
        absent = [name for name in columns if name.rpartition(SEPARATOR)[0] in self.lost]
        rows = self.reader.read([name for name in columns if name not in absent], until, start)
        return rows.with_columns(_nothing(name) for name in absent)


def _nothing(column: str) -> pl.Expr:
    aggregate = column.rpartition(SEPARATOR)[2]
    return pl.lit(0 if aggregate == COUNT else None, AGGREGATE_TYPES[aggregate]).alias(column)
