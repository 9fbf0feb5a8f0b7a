"""The catalogue: names are unique, and every feature can be computed by an executor."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from data.schema import Metric, MetricKind
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.events.history import EventStatistic
from features.feature import Catalogue, Origin, Peer, by_metric, window_name
from features.telemetry.on_change import CombinedStatistic, OnChangeStatistic
from features.telemetry.window_statistics import DerivedStatistic, WindowStatistic
from tests.features.catalogues import EVERYTHING, FLEET
from tests.features.synthetic import METRICS

DAY = timedelta(days=1)


def test_names_are_unique_and_have_three_parts() -> None:
    names = EVERYTHING.names
    assert len(set(names)) == len(names) > 60
    assert all(len(name.split("__")) == 3 and name == name.strip("_") for name in names)


def test_names_consist_of_metric_statistic_and_window() -> None:
    expected = {
        "temperature__mean__1d",
        "temperature__mean_vs_fleet__7d",
        "temperature__mean_vs_rack__1d",
        "temperature__slope__30d",
        "temperature__idle_share_below_20.5__7d",
        "temperature__idle_hours_below_20.5_rank__30d",
        "ecc__increase_rank__7d",
        "seen_n__seen_of_fleet__30d",
        "boot__uptime__30d",
        "reallocated__increase__30d",
        "power_on__running__ever",
        "power_on__running_rank_in_hardware__ever",
        "reallocated__last_rank__ever",
        "reallocated__increase_rank_in_hardware__7d",
        "counters__above_zero__ever",
        "counters__rising__30d",
        "failures__count__90d",
        "failures_fan__count__30d",
        "rack__failures__7d",
        "fleet__failure_rate__7d",
    }
    assert expected <= set(EVERYTHING.names)


def test_every_statistic_has_an_executor_and_samples_have_a_window() -> None:
    kinds = {
        Origin.SAMPLED: (WindowStatistic, DerivedStatistic),
        Origin.ON_CHANGE: (OnChangeStatistic, CombinedStatistic),
        Origin.HISTORY: (EventStatistic,),
    }
    assert {feature.origin for feature in EVERYTHING.features} == set(kinds)
    for feature in EVERYTHING.features:
        assert isinstance(feature.statistic, kinds[feature.origin])
        assert feature.window is not None or feature.origin is not Origin.SAMPLED
        assert bool(feature.combines) == isinstance(feature.statistic, CombinedStatistic)


def test_a_metric_has_one_statistic_of_a_name() -> None:
    by_name: dict[tuple[Origin, str, str], set[int]] = {}
    for feature in EVERYTHING.features:
        if feature.origin is not Origin.HISTORY and not feature.combines:
            key = feature.origin, feature.metric, feature.statistic.name
            by_name.setdefault(key, set()).add(id(feature.statistic))
    assert len(by_name) > 20
    assert all(len(statistics) == 1 for statistics in by_name.values())


def test_every_feature_has_a_unit_and_a_reason() -> None:
    assert len(EVERYTHING.features) > 50
    assert [feature.name for feature in EVERYTHING.features if not (feature.unit and feature.why)] == []


def test_without_telemetry_only_history_has_features() -> None:
    bare = build(FleetCapabilities((), (DAY,), has_racks=False, has_hardware=False))
    assert {feature.origin for feature in bare.features} == {Origin.HISTORY}
    assert not [name for name in bare.names if name.startswith(("rack", "hardware"))]


def test_without_racks_no_feature_compares_within_a_rack() -> None:
    fleet = FleetCapabilities(METRICS, FLEET.windows, has_racks=False, has_hardware=True)
    assert Peer.RACK not in {feature.peer for feature in build(fleet).features}


def test_a_single_on_change_metric_has_no_combined_feature() -> None:
    metrics = tuple(metric for metric in METRICS if metric.name != "pending")
    assert "counters" in {feature.metric for feature in EVERYTHING.features}
    assert "counters" not in {feature.metric for feature in build(replace(FLEET, metrics=metrics)).features}


def test_without_hardware_no_feature_compares_within_it() -> None:
    fleet = FleetCapabilities(METRICS, FLEET.windows, has_racks=True, has_hardware=False)
    assert Peer.HARDWARE not in {feature.peer for feature in build(fleet).features}


def test_a_single_window_is_enough() -> None:
    assert len(MetricKind) > 3
    for kind in MetricKind:
        for sampling in ("sampled", "on_change"):
            fleet = FleetCapabilities((Metric("x", kind, sampling, "x"),), (DAY,), has_racks=True, has_hardware=True)
            assert "x" in {feature.metric for feature in build(fleet).features}


def test_a_catalogue_is_narrowed_by_origin_and_metric() -> None:
    full = EVERYTHING
    small = full.only(Origin.HISTORY, metrics=["boot"])
    assert {feature.metric for feature in small.features if feature.origin is not Origin.HISTORY} == {"boot"}
    assert small.names == tuple(name for name in full.names if name in set(small.names))


def test_features_are_grouped_by_metric() -> None:
    groups = dict(by_metric(EVERYTHING.features))
    assert sorted(feature.name for group in groups.values() for feature in group) == sorted(EVERYTHING.names)
    assert all(feature.metric == metric for metric, group in groups.items() for feature in group)
    assert list(by_metric(Catalogue(()).features)) == []


@pytest.mark.parametrize(
    ("window", "name"),
    [(7 * DAY, "7d"), (timedelta(hours=6), "6h"), (timedelta(minutes=90), "90m"), (None, "ever")],
)
def test_windows_are_named_in_the_largest_whole_unit(window: timedelta | None, name: str) -> None:
    assert window_name(window) == name
