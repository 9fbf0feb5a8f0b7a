from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from data.schema import Metric, MetricKind
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.feature import Feature, Origin, Peer
from serving.explanation.node_context import NodeContext, PastEvent
from serving.explanation.phrases import sentence
from serving.explanation.render import words
from serving.explanation.signal import Normal, Signal, Since
from tests.serving.made_up import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = timedelta(days=1)
LAST = {("n1", None): PastEvent(NOW - 2 * DAY, "memory"), ("n1", "memory"): PastEvent(NOW - 2 * DAY, "memory")}
BACKGROUND = NodeContext(
    at=NOW,
    newest=DAY,
    labels={"temp": "inlet temperature"},
    groups={"rack": {"n1": "rack-07"}, "hardware": {"n1": "dl380"}},
    failures=LAST,
    maintenance={},
)
UNKNOWN = Normal(math.nan, math.nan)


def feature(metric: str, stat: str, window: timedelta | None = 7 * DAY, unit: str = "°C", **more: object) -> Feature:
    return Feature(Origin.WINDOW, metric, stat, window, unit, "why", **more)  # type: ignore[arg-type]  # a peer


def said(own: Feature, value: float, normal: Normal = UNKNOWN, since: Since | None = None) -> str:
    return words(Signal("n1", own, own, value, normal, math.log(2)), since, BACKGROUND).removesuffix(": odds ×2")


@pytest.mark.parametrize(
    ("own", "value", "words"),
    [
        (feature("temp", "mean", DAY), 31.25, "inlet temperature 31.2 °C"),
        (feature("temp", "mean"), 31.25, "inlet temperature 31.2 °C on average over 7 days"),
        (feature("temp", "slope", unit="°C/d"), 1.8, "inlet temperature rising 1.8 °C a day over 7 days"),
        (feature("temp", "slope", unit="°C/d"), -1.8, "inlet temperature falling 1.8 °C a day over 7 days"),
        (feature("temp", "change"), -12.0, "inlet temperature 12 °C below its mean of 7 days"),
        (feature("temp", "max"), 41.0, "inlet temperature up to 41 °C in 7 days"),
        (feature("temp", "std"), math.nan, "inlet temperature: no value in 7 days"),
        (feature("ecc", "increase", unit="errors"), 0.0, "ecc did not rise in 7 days"),
        (feature("ECC errors", "increase", unit="errors"), 3.0, "ECC errors rose by 3 in 7 days"),
        (feature("latencies", "max", unit="s"), 3.0, "latencies up to 3 s in 7 days"),
        (feature("cpu", "idle_share_below_2.5", unit="share"), 0.4, "idle 40% of the time over 7 days (cpu below 2.5)"),
        (feature("cpu", "idle_share_below_5", unit="share"), 0.0, "never idle in 7 days (cpu below 5)"),
        (feature("cpu", "idle_hours_below_5", unit="h"), 100.8, "idle for 4.2 days (cpu below 5)"),
        (feature("cpu", "idle_hours_below_5", unit="h"), 0.0, "not idle now (cpu)"),
        (feature("boot", "uptime", unit="h"), 12.0, "up for 12 h since the last boot"),
        (feature("n", "mean", unit="x fleet", peer=Peer.RATIO), 0.0, "sends no samples in 7 days (n)"),
        (feature("x", "mean", unit="robust sd", peer=Peer.FLEET), -4.2, "x mean vs fleet -4.2 robust sd"),
    ],
)
def test_each_signal_is_told_as_people_say_it(own: Feature, value: float, words: str) -> None:
    assert said(own, value) == words


def test_the_normal_range_and_since_when_follow_the_value() -> None:
    own = feature("temp", "mean", DAY)
    assert said(own, 41.0, Normal(20.0, 25.0)) == "inlet temperature 41 °C, normal 20–25"
    assert said(own, 41.0, Normal(20.0, 25.0, is_of_rack=True)) == "inlet temperature 41 °C, normal in rack-07 20–25"
    dated = said(own, 41.0, Normal(20.0, 25.0), Since(NOW - 5 * DAY))
    assert dated == "inlet temperature 41 °C, normal 20–25, since 27 May (5 days)"
    old = said(own, 41.0, Normal(20.0, 25.0), Since(NOW - 30 * DAY, or_earlier=True))
    assert old == "inlet temperature 41 °C, normal 20–25, for longer than the 30 days looked at"


def test_hardware_is_named_and_a_count_of_one_is_in_the_singular() -> None:
    def history(metric: str, stat: str) -> Feature:
        return Feature(Origin.HISTORY, metric, stat, 7 * DAY, "failures", "why")

    assert said(history("hardware", "failures"), 1.0) == "hardware dl380: 1 failure in 7 days"
    assert said(history("rack", "relative_rate"), 3.21) == "rack-07 fails 3.2 times as often as the fleet over 7 days"
    assert said(history("failures", "count"), 3.0) == "failed 3 times in 7 days, last on 30 May (memory)"
    rate = said(history("failures", "relative_rate"), 3.2, Normal(0.5, 2.0))
    assert rate == "fails 3.2 times as often as the fleet over 7 days, normal 0.5–2, last on 30 May (memory)"
    assert said(history("failures_memory", "count"), 0.0) == "no failure (memory) in 7 days"


def every_feature() -> Iterator[Feature]:
    metrics = [
        Metric(f"{kind}_{sampling}", kind, sampling, "W")
        for kind in MetricKind
        for sampling in ("sampled", "on_change")
    ]
    plan = FleetCapabilities(
        tuple(metrics), (DAY, 7 * DAY), has_racks=True, has_hardware=True, causes=("memory", "fan")
    )
    yield from build(plan).features


def test_every_feature_of_the_catalogue_has_a_sentence_for_every_value() -> None:
    plain = [one for one in every_feature() if one.peer in {Peer.NONE, Peer.RATIO} and one.metric != "fleet"]
    assert len(plain) > 60
    for own in plain:
        assert "{title}" not in sentence(own).plus, own.name
        for value in (-1.5, 0.0, 1.0, 300.0, math.nan):
            told = said(own, value, Normal(0.0, 1.0))
            assert not re.search(r"[{}]|\bnan\b|None|unknown|; ", told), (own.name, told)
