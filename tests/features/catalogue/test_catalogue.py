"""The catalogue: every name once, and every feature something that an executor can tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from data.schema import Metric, MetricKind
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.feature import Catalogue, Origin, Peer, by_metric, window_name
from features.telemetry import on_change
from features.telemetry.combined import JOINT
from features.telemetry.derived import base_statistics
from tests.features.synthetic import METRICS

DAY = timedelta(days=1)
PLAN = FleetCapabilities(METRICS, (DAY, 7 * DAY, 30 * DAY), has_racks=True, has_hardware=True, causes=("fan", "gpu"))


def test_every_name_is_there_once_and_has_three_parts() -> None:
    names = build(PLAN).names
    assert len(set(names)) == len(names) > 60
    assert all(len(name.split("__")) == 3 and name == name.strip("_") for name in names)


def test_names_say_metric_statistic_and_window() -> None:
    wanted = {
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
    assert wanted <= set(build(PLAN).names)


def test_every_statistic_is_known_to_its_executor() -> None:
    for feature in build(PLAN).features:
        if feature.origin is Origin.WINDOW:
            assert base_statistics(feature.stat)
            assert feature.window is not None
        if feature.origin is Origin.HELD:
            assert (JOINT[feature.stat].base if feature.of else feature.stat) in on_change.STATISTICS


def test_every_feature_says_its_unit_and_why() -> None:
    assert all(feature.unit and feature.why for feature in build(PLAN).features)


def test_without_telemetry_there_is_history_alone() -> None:
    bare = build(FleetCapabilities((), (DAY,), has_racks=False, has_hardware=False))
    assert {feature.origin for feature in bare.features} == {Origin.HISTORY}
    assert not [name for name in bare.names if name.startswith(("rack", "hardware"))]


def test_without_racks_nobody_is_set_beside_a_rack() -> None:
    plan = FleetCapabilities(METRICS, PLAN.windows, has_racks=False, has_hardware=True)
    assert Peer.RACK not in {feature.peer for feature in build(plan).features}


def test_one_on_change_metric_says_nothing_jointly() -> None:
    alone = tuple(metric for metric in METRICS if metric.name != "pending")
    assert "counters" in {feature.metric for feature in build(PLAN).features}
    assert "counters" not in {feature.metric for feature in build(replace(PLAN, metrics=alone)).features}


def test_without_hardware_nobody_is_set_beside_it() -> None:
    plan = FleetCapabilities(METRICS, PLAN.windows, has_racks=True, has_hardware=False)
    assert Peer.HARDWARE not in {feature.peer for feature in build(plan).features}


def test_a_single_window_is_enough() -> None:
    for kind in MetricKind:
        for sampling in ("sampled", "on_change"):
            plan = FleetCapabilities((Metric("x", kind, sampling, "x"),), (DAY,), has_racks=True, has_hardware=True)
            assert "x" in {feature.metric for feature in build(plan).features}


def test_a_catalogue_is_narrowed_by_origin_and_metric() -> None:
    full = build(PLAN)
    small = full.only(Origin.HISTORY, metrics=["boot"])
    assert {feature.metric for feature in small.features if feature.origin is not Origin.HISTORY} == {"boot"}
    assert small.names == tuple(name for name in full.names if name in set(small.names))


def test_features_are_parted_by_metric() -> None:
    parted = dict(by_metric(build(PLAN).features))
    assert sorted(feature.name for own in parted.values() for feature in own) == sorted(build(PLAN).names)
    assert all(feature.metric == metric for metric, own in parted.items() for feature in own)
    assert list(by_metric(Catalogue(()).features)) == []


@pytest.mark.parametrize(
    ("window", "name"),
    [(7 * DAY, "7d"), (timedelta(hours=6), "6h"), (timedelta(minutes=90), "90m"), (None, "ever")],
)
def test_windows_are_named_in_the_largest_whole_unit(window: timedelta | None, name: str) -> None:
    assert window_name(window) == name
