"""Gathers the features of a fleet from the modules of their kinds; to add a feature, add a row to its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from data.schema import Metric, MetricKind
from features.catalogue import on_change
from features.catalogue.counters import counter_features
from features.catalogue.failures import cause_features, failure_features, service_features
from features.catalogue.gauges import gauge_features
from features.catalogue.neighbours import group_features
from features.catalogue.sample_counts import sample_count_features
from features.catalogue.uptime import age_features, boot_time_features, on_change_age_features
from features.feature import EVER, Catalogue, Feature
from features.telemetry.window_statistics import LAST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta

    from features.catalogue.fleet_capabilities import FleetCapabilities

SAMPLED: Final = {
    MetricKind.GAUGE: gauge_features,
    MetricKind.COUNT: sample_count_features,
    MetricKind.COUNTER: counter_features,
    MetricKind.BOOT_TIME: boot_time_features,
    MetricKind.AGE: age_features,
}


def build(fleet: FleetCapabilities) -> Catalogue:
    """List the features of a fleet. Their order is part of a model: append to a kind, do not sort."""
    return Catalogue((*_event_features(fleet), *_metric_features(fleet), *on_change.combined_features(fleet)))


def _event_features(fleet: FleetCapabilities) -> Iterator[Feature]:
    yield from failure_features(fleet)
    yield from service_features(fleet)
    yield from cause_features(fleet)
    yield from group_features(fleet)


def _metric_features(fleet: FleetCapabilities) -> Iterator[Feature]:
    for metric in fleet.metrics:
        if metric.sampling == "sampled":
            yield from SAMPLED[metric.kind](metric, fleet)
        elif metric.kind is MetricKind.AGE:
            yield from on_change_age_features(metric, fleet)
        else:
            yield from on_change.on_change_features(metric, fleet)


def newest_values(metrics: Iterable[Metric], now: timedelta) -> Catalogue:
    """List each metric's newest value as a feature; of a sampled metric within the window `now`."""
    return Catalogue(tuple(_newest_value(metric, now) for metric in metrics))


def _newest_value(metric: Metric, now: timedelta) -> Feature:
    if metric.sampling == "on_change":
        return Feature(metric.name, on_change.LAST, EVER, metric.unit, "as it was reported last")
    return Feature(metric.name, LAST, now, metric.unit, "as it was reported last")
