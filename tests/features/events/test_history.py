"""Event history: every feature against a loop over the records as they were known at the row's cutoff."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data.outages import merge_failures
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.events import base_rates
from features.events.base_rates import FleetRate, base_rate
from features.events.history import EventStatistic, History
from features.grid import to_datetime
from features.population.at_risk import Rows, assess
from tests.features.catalogues import require_references
from tests.features.fleets import DAY, START, Fleet, event, fleet
from tests.features.protocol import daily, stepwise
from tests.features.strategies import DAYS, UNITS_A_STEP, WIDTHS, Scale, at, fleets, scale_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from features.feature import Feature

FEATURES = build(FleetCapabilities((), (), has_racks=True, has_hardware=True, causes=("fan", "gpu"))).features
BANDS = (0, 7, 30, 90, 180, 365, 730, 1095, 1460)
NUMBERS = {"n1": 1, "n2": 2, "n10": 10}  # names of one pattern
NODE = {"node": "a", "observed_from": START - 30 * DAY}
Record = dict[str, Any]


class LoopReference:
    """The records as they were known at a time, and every feature computed from them by loops."""

    def __init__(self, records: Fleet, now: datetime) -> None:
        records_then = records.known_at(now)
        self.now = now
        self.nodes: dict[str, Record] = {row["node"]: row for row in records_then.nodes.rows(named=True)}
        self.events: list[Record] = [row for row in records_then.events.rows(named=True) if row["node"] in self.nodes]

    def of(self, kind: str, names: set[str], window: timedelta | None = None, cause: str | None = None) -> list[Record]:
        start = None if window is None else self.now - window
        return [
            row
            for row in self.events
            if row["kind"] == kind and row["node"] in names and (cause is None or row["cause"] == cause)
            if start is None or row["start"] > start
        ]

    def days_since(self, times: list[datetime]) -> float:
        return (self.now - max(times)) / DAY if times else np.nan

    def ends(self, kind: str, name: str) -> list[datetime]:
        return [row["end"] for row in self.of(kind, {name}) if self.is_over(row)]

    def is_over(self, row: Record) -> bool:
        """Return whether an event has ended: an announced end may be in the future."""
        return row["end"] is not None and row["end"] <= self.now

    def days_observed(self, names: set[str], window: timedelta | None) -> float:
        spans = [self.now - self.nodes[name]["observed_from"] for name in names if self.is_present(name)]
        return float(sum(min(span, window or span) / DAY for span in spans))

    def is_present(self, name: str) -> bool:
        until = self.nodes[name]["observed_until"]
        return until is None or until > self.now

    def fleet_rate(self, window: timedelta | None) -> float:
        names = set(self.nodes)
        failures, days = len(self.of("failure", names, window)), self.days_observed(names, window)
        return (failures + 0.5) / (days + 500)

    def relative_rate(self, names: set[str], window: timedelta | None) -> float:
        expected = self.days_observed(names, window) * self.fleet_rate(window)
        return (len(self.of("failure", names, window)) + 1) / (expected + 1)

    def peers(self, name: str, group: str) -> set[str]:
        return {peer for peer, row in self.nodes.items() if row[group] == self.nodes[name][group]}

    def neighbours(self, name: str) -> set[str]:
        number = NUMBERS.get(name, -9)
        return {peer for peer in self.peers(name, "rack") if 1 <= abs(NUMBERS.get(peer, 99) - number) <= 2}

    def band(self, age: timedelta) -> int:
        return max(sum(age / DAY >= start for start in BANDS), 1)

    def age_band(self, name: str) -> int:
        return self.band(self.now - self.nodes[name]["observed_from"])

    def at_age(self, names: set[str], band: int) -> tuple[int, float]:
        observed_from = {name: self.nodes[name]["observed_from"] for name in names}
        ages = [self.band(row["start"] - observed_from[row["node"]]) for row in self.of("failure", names)]
        starts = [*BANDS, math.inf]
        days = 0.0
        for name in names:
            age = (min(self.nodes[name]["observed_until"] or self.now, self.now) - observed_from[name]) / DAY
            days += max(min(age, starts[band]) - starts[band - 1], 0)
        return ages.count(band), days

    def rate_at_age(self, band: int) -> float:
        failures, days = self.at_age(set(self.nodes), band)
        return (failures + 1) / (days * self.fleet_rate(None) + 1)

    def relative_rate_at_age(self, name: str) -> float:
        present = [self.rate_at_age(self.age_band(node)) for node in self.nodes if self.is_present(node)]
        return self.rate_at_age(self.age_band(name)) / (float(np.mean(present)) if present else 1)

    def hardware_rate_at_age(self, name: str) -> float:
        band = self.age_band(name)
        failures, days = self.at_age(set(self.nodes), band)
        of_hardware, hardware_days = self.at_age(self.peers(name, "hardware"), band)
        return (of_hardware + 1) / (hardware_days * (failures + 0.5) / (days + 500) + 1)

    def days_up(self, name: str) -> float:
        ends = self.ends("failure", name) + self.ends("maintenance", name)
        return self.days_since([*ends, self.nodes[name]["observed_from"]])

    def mean_repair_hours(self, name: str) -> float:
        repairs = [
            (row["end"] - row["start"]) / timedelta(hours=1) for row in self.of("failure", {name}) if self.is_over(row)
        ]
        return float(np.mean(repairs)) if repairs else np.nan

    def value(self, feature: Feature, name: str) -> float:
        metric, window = feature.metric, feature.window
        if feature.statistic.name == "relative_rate_at_age":
            return self.relative_rate_at_age(name) if metric == "node" else self.hardware_rate_at_age(name)
        if feature.statistic.name == "failures_of_others":
            return len(self.of("failure", self.peers(name, metric) - {name}, window))
        if metric == "neighbours":
            failures = self.of("failure", self.neighbours(name), window)
            is_count = feature.statistic.name == "failures"
            return len(failures) if is_count else self.days_since([row["start"] for row in failures])
        if metric in ("rack", "hardware"):
            peers = self.peers(name, metric)
            of_peers = len(self.of("failure", peers, window))
            return of_peers if feature.statistic.name == "failures" else self.relative_rate(peers, window)
        cause = None if metric in ("failures", "maintenance") else metric.removeprefix("failures_")
        kind = "maintenance" if metric == "maintenance" else "failure"
        events = self.of(kind, {name}, window, cause)
        by_statistic: dict[str, Callable[[], float]] = {
            "count": lambda: len(events),
            "days_since_start": lambda: self.days_since([row["start"] for row in events]),
            "days_since_end": lambda: self.days_since(self.ends(kind, name)),
            "mean_repair_hours": lambda: self.mean_repair_hours(name),
            "relative_rate": lambda: self.relative_rate({name}, window),
            "days_observed": lambda: self.days_since([self.nodes[name]["observed_from"]]),
            "days_up": lambda: self.days_up(name),
            "failure_rate": lambda: self.fleet_rate(window),
        }
        require_references(by_statistic, [feature.statistic.name])
        return by_statistic[feature.statistic.name]()


def all_rows(names: tuple[str, ...], every: timedelta) -> Rows:
    node, cutoff = np.divmod(np.arange(len(names) * DAYS), DAYS)
    return Rows(names, stepwise(START, DAYS, every), node, cutoff)


@pytest.mark.parametrize("width", WIDTHS)
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_every_feature_is_that_of_a_loop_over_what_was_known(width: timedelta, data: st.DataObject) -> None:
    records, step = data.draw(fleets(Scale(width / UNITS_A_STEP))), data.draw(st.integers(0, DAYS - 1))
    view = records.view(START + DAYS * width)
    rows = all_rows(tuple(view.nodes()["node"].to_list()), width)
    history = History.of(view, rows)
    reference = LoopReference(records, START + step * width)
    assume(reference.nodes)
    assert len(FEATURES) > 30
    for feature in FEATURES:
        assert isinstance(feature.statistic, EventStatistic)
        values = feature.statistic.value(history, feature.window).reshape(len(rows.names), DAYS)[:, step]
        for name, value in zip(rows.names, values, strict=True):
            if name in reference.nodes:
                assert value == pytest.approx(reference.value(feature, name), nan_ok=True), feature.name


def rates(records: Fleet, cutoffs: int = 10, every: timedelta = DAY) -> tuple[list[float], list[float]]:
    """Return both rates, counted over three days instead of 90 and 30."""
    view = records.view(START + DAYS * DAY)
    risk = assess(view, stepwise(START, cutoffs, every), None)
    with pytest.MonkeyPatch.context() as patch:
        for window in ("RECENT", "LAST_MONTH"):
            patch.setattr(base_rates, window, timedelta(days=3))
        return base_rate(view, risk, every, DAY).tolist(), FleetRate.of(view, risk, every, DAY).recent.tolist()


TWO = [NODE, NODE | {"node": "b"}]


def test_the_base_rate_is_failures_per_node_day_at_risk_in_the_window() -> None:
    rate, _ = rates(fleet([event("a", at(30), at(60))], TWO), 6)
    assert rate == pytest.approx([0, 0, 1 / 5, 1 / 5, 1 / 5, 0])


def test_the_base_rate_is_the_same_at_any_cadence() -> None:
    failure = fleet([event("a", at(30), at(60))], TWO)
    daily_rate, hourly_rate = rates(failure, 7)[0], rates(failure, 6 * 24 + 1, timedelta(hours=1))[0]
    assert hourly_rate[24 * 4] == pytest.approx(1 / (2 * 3 - 30 / 24), abs=0.01)
    assert daily_rate[4] == pytest.approx(1 / 5)
    assert hourly_rate[72::24] == pytest.approx(daily_rate[3:], rel=0.2)
    assert [rate > 0 for rate in hourly_rate] == [30 <= hour < 30 + 72 for hour in range(6 * 24 + 1)]


def test_the_base_rate_counts_the_90_days_before_and_the_steady_rate_30_and_all() -> None:
    view = fleet([event("a", at(24 * 5 - 1), at(24 * 5 - 1))], TWO).view(START + 120 * DAY)
    risk = assess(view, daily(START, 120), None)
    assert np.flatnonzero(base_rate(view, risk, DAY, DAY)).tolist() == list(range(5, 5 + 90))
    steady = FleetRate.of(view, risk, DAY, DAY).recent
    long_run = (1 + 0.01) / (2 * 121 + 10)
    assert steady[34] > steady[35]
    assert steady[119] == pytest.approx(10 / (60 + 10 / long_run), rel=0.01)


def test_a_failure_counts_in_the_base_rate_from_when_it_is_recorded() -> None:
    late = event("a", at(30), at(40), recorded_at=at(72), end_recorded_at=at(72))
    assert rates(fleet([late], TWO), 6)[0] == pytest.approx([0, 0, 0, 1 / 6, 1 / 6, 0])


def test_a_failure_that_continues_counts_once_in_the_base_rate() -> None:
    repeated = [event("a", at(30), at(40)), event("a", at(50), at(51))]
    assert rates(fleet(repeated, TWO), 6)[0] == rates(fleet(repeated[:1], TWO), 6)[0]


def test_the_base_rate_is_unknown_while_no_node_was_at_risk() -> None:
    assert np.isnan(rates(fleet([event("a", at(-50))], [NODE]), 2)[0]).tolist() == [True, True]


def test_the_steadied_rate_is_between_the_recent_and_the_long_run_rate() -> None:
    failures = [event("a", at(hours), at(hours + 1)) for hours in (30, 60, 90)]
    recent, steady = rates(fleet(failures, TWO), 10)
    long_run = (3 + 0.01) / (2 * 10 + 10)
    assert recent[-1] < steady[-1] < long_run
    assert recent[4] > steady[4] > (3 + 0.01) / (2 * 5 + 10)


def test_failures_before_the_first_cutoff_are_not_counted_without_their_exposure() -> None:
    long_ago = [event("a", at(-24 * day), at(-24 * day + 1)) for day in range(2, 20, 2)]
    assert rates(fleet(long_ago, TWO)) == rates(fleet([], TWO))


@pytest.mark.parametrize("width", WIDTHS)
@settings(max_examples=20, deadline=None)
@given(st.data())
def test_rates_stay_as_they_were_when_more_becomes_known(width: timedelta, data: st.DataObject) -> None:
    def of(fleet: Fleet, cutoffs: int) -> bytes:
        view = fleet.view(START + DAYS * width)
        risk = assess(view, stepwise(START, cutoffs, width), None)
        rate = FleetRate.of(view, risk, width, width)
        rates = base_rate(view, risk, width, width), rate.recent, rate.long_run
        return b"".join(values[: DAYS // 2].tobytes() for values in rates)

    records, half = data.draw(fleets(scale_of(width))), START + (DAYS // 2 - 1) * width
    assert of(records, DAYS) == of(records.known_at(half), DAYS // 2)


@pytest.mark.parametrize("width", WIDTHS)
@settings(max_examples=20, deadline=None)
@given(st.data())
def test_failures_recorded_at_once_are_merged_as_in_the_protocol(width: timedelta, data: st.DataObject) -> None:
    records, repeat = data.draw(fleets(Scale(width / UNITS_A_STEP))), data.draw(st.sampled_from([width, 2 * width]))
    at_once = records.events.with_columns(recorded_at="start", end_recorded_at="end")
    view = replace(records, events=at_once).view(START + DAYS * width)
    risk = assess(view, stepwise(START - 25 * width, DAYS + 25, width), None)
    exposure = np.cumsum(risk.at_risk.sum(axis=0)) * (width / DAY)
    failures = merge_failures(view.events(), repeat)
    observed_from = {row["node"]: row["observed_from"] for row in view.nodes().rows(named=True)}
    counted = [
        max(start, observed_from[name])
        for name, start, _ in failures.rows()
        if name in observed_from and start > START - 26 * width
    ]
    expected = [sum(start <= to_datetime(cutoff) for start in counted) for cutoff in risk.cutoffs]
    rate = base_rate(view, risk, width, repeat)
    is_exposed = exposure > 0
    np.testing.assert_allclose(
        (rate * exposure)[is_exposed], np.array(expected, dtype=np.float64)[is_exposed], atol=1e-9
    )
