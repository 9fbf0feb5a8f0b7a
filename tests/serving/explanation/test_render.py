from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from data.schema import Metric, MetricKind
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.feature import Peer
from serving.explanation.node_context import NodeContext, PastEvent
from serving.explanation.render import reason_text
from serving.explanation.signal import NormalRange, Onset, Signal
from tests.features.catalogues import EVERYTHING
from tests.serving.made_up import NOW

if TYPE_CHECKING:
    from features.feature import Feature

DAY = timedelta(days=1)
LAST = {("n1", None): PastEvent(NOW - 2 * DAY, "memory"), ("n1", "memory"): PastEvent(NOW - 2 * DAY, "memory")}
CONTEXT = NodeContext(
    at=NOW,
    newest=DAY,
    labels={"temp": "inlet temperature"},
    groups={"rack": {"n1": "rack-07"}, "hardware": {"n1": "dl380"}},
    failures=LAST,
    maintenance={},
)
UNKNOWN = NormalRange(math.nan, math.nan)
METRICS = (
    Metric("temp", unit="°C"),
    Metric("x", unit="W"),
    Metric("latencies", unit="s"),
    Metric("cpu", unit="%", idle_below=2.5),
    Metric("gpu", unit="%", idle_below=5),
    Metric("ecc", MetricKind.COUNTER, unit="errors"),
    Metric("ECC errors", MetricKind.COUNTER, unit="errors"),
    Metric("boot", MetricKind.BOOT_TIME),
    Metric("n", MetricKind.COUNT, unit="samples"),
)
FLEET = FleetCapabilities(METRICS, (DAY, 7 * DAY), has_racks=True, has_hardware=True, causes=("memory", "fan"))
FEATURES = {feature.name: feature for feature in build(FLEET).features}


def text_of_name(name: str, value: float, normal: NormalRange = UNKNOWN, since: Onset | None = None) -> str:
    return text_of(FEATURES[name], value, normal, since)


def text_of(feature: Feature, value: float, normal: NormalRange = UNKNOWN, since: Onset | None = None) -> str:
    signal = Signal("n1", feature, feature, value, normal, math.log(2))
    return reason_text(signal, since, CONTEXT).removesuffix(": odds ×2")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("temp__mean__1d", 31.25, "inlet temperature 31.2 °C"),
        ("temp__mean__7d", 31.25, "inlet temperature 31.2 °C on average over 7 days"),
        ("temp__slope__7d", 1.8, "inlet temperature rising 1.8 °C a day over 7 days"),
        ("temp__slope__7d", -1.8, "inlet temperature falling 1.8 °C a day over 7 days"),
        ("temp__change__7d", -12.0, "inlet temperature 12 °C below its mean of 7 days"),
        ("temp__max__7d", 41.0, "inlet temperature up to 41 °C in 7 days"),
        ("temp__std__7d", math.nan, "inlet temperature: no value in 7 days"),
        ("ecc__increase__7d", 0.0, "ecc did not rise in 7 days"),
        ("ECC errors__increase__7d", 3.0, "ECC errors rose by 3 in 7 days"),
        ("latencies__max__7d", 3.0, "latencies up to 3 s in 7 days"),
        ("cpu__idle_share_below_2.5__7d", 0.4, "idle 40% of the time over 7 days (cpu below 2.5)"),
        ("gpu__idle_share_below_5__7d", 0.0, "never idle in 7 days (gpu below 5)"),
        ("gpu__idle_hours_below_5__7d", 100.8, "idle for 4.2 days (gpu below 5)"),
        ("gpu__idle_hours_below_5__7d", 0.0, "not idle now (gpu)"),
        ("boot__uptime__7d", 12.0, "up for 12 h since the last boot"),
        ("n__mean_of_fleet__7d", 0.0, "sends no samples in 7 days (n)"),
        ("x__mean_vs_fleet__7d", -4.2, "x mean vs fleet -4.2 robust sd"),
    ],
)
def test_each_signal_is_written_as_a_plain_phrase(name: str, value: float, text: str) -> None:
    assert text_of_name(name, value) == text


def test_the_normal_range_and_since_when_follow_the_value() -> None:
    name = "temp__mean__1d"
    assert text_of_name(name, 41.0, NormalRange(20.0, 25.0)) == "inlet temperature 41 °C, normal 20–25"
    of_rack = text_of_name(name, 41.0, NormalRange(20.0, 25.0, is_of_rack=True))
    assert of_rack == "inlet temperature 41 °C, normal in rack-07 20–25"
    dated = text_of_name(name, 41.0, NormalRange(20.0, 25.0), Onset(NOW - 5 * DAY))
    assert dated == "inlet temperature 41 °C, normal 20–25, since 27 May (5 days)"
    long_ago = text_of_name(name, 41.0, NormalRange(20.0, 25.0), Onset(NOW - 30 * DAY, or_earlier=True))
    assert long_ago == "inlet temperature 41 °C, normal 20–25, for at least 30 days"


def test_hardware_is_named_and_a_count_of_one_is_in_the_singular() -> None:
    assert text_of_name("hardware__failures__7d", 1.0) == "hardware dl380: 1 failure in 7 days"
    rate = text_of_name("rack__relative_rate__90d", 3.21)
    assert rate == "rack-07 fails 3.2 times as often as the fleet over 90 days"
    assert text_of_name("failures__count__7d", 3.0) == "failed 3 times in 7 days, last on 30 May (memory)"
    rate = text_of_name("failures__relative_rate__90d", 3.2, NormalRange(0.5, 2.0))
    assert rate == "fails 3.2 times as often as the fleet over 90 days, normal 0.5–2, last on 30 May (memory)"
    assert text_of_name("failures_memory__count__30d", 0.0) == "no failure (memory) in 30 days"


def test_every_feature_of_the_catalogue_has_a_phrase_for_every_value() -> None:
    features = [f for f in EVERYTHING.features if f.peer in {Peer.NONE, Peer.RATIO} and f.metric != "fleet"]
    assert len(features) > 60
    for feature in features:
        assert "{title}" not in feature.phrase.positive, feature.name
        for value in (-1.5, 0.0, 1.0, 300.0, math.nan):
            text = text_of(feature, value, NormalRange(0.0, 1.0))
            assert not re.search(r"[{}]|\bnan\b|None|unknown|; ", text), (feature.name, text)
