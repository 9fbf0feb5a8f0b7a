"""The windows in which failures are counted: the usual ones, those of short horizons, and those that are written."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.time_grid import HOUR
from features.catalogue.catalogue import build
from features.catalogue.history_windows import HistoryWindows
from features.compute import batch
from features.feature import window_in
from features.grid import to_numpy
from features.population.at_risk import assess
from tests.features.catalogues import EVERYTHING, FLEET
from tests.features.fleets import DAY, START, event, fleet
from tests.features.strategies import at

SHORT = (HOUR, 6 * HOUR, DAY)
USUAL_NAMES = (
    "failures__count__3d", "failures__count__7d", "failures__count__14d", "failures__count__30d",
    "failures__count__90d", "failures__count__365d", "failures__count__ever",
    "failures__relative_rate__90d", "failures__relative_rate__365d", "failures__relative_rate__ever",
    "failures__days_since_start__ever", "failures__days_since_end__ever", "failures__mean_repair_hours__ever",
    "maintenance__count__7d", "maintenance__count__30d", "maintenance__count__90d",
    "maintenance__days_since_start__ever", "node__days_up__ever", "node__days_observed__ever",
    "node__relative_rate_at_age__ever", "fleet__failure_rate__7d", "failures_fan__count__30d",
    "failures_fan__count__365d", "failures_gpu__count__30d", "failures_gpu__count__365d", "rack__failures__7d",
    "rack__failures__30d", "rack__relative_rate__90d", "rack__relative_rate__365d", "rack__relative_rate__ever",
    "hardware__failures__7d", "hardware__failures__30d", "hardware__relative_rate__90d",
    "hardware__relative_rate__365d", "hardware__relative_rate__ever", "hardware__relative_rate_at_age__ever",
    "rack__failures_of_others__7d", "neighbours__failures__7d", "rack__failures_of_others__30d",
    "neighbours__failures__30d", "rack__failures_of_others__90d", "neighbours__failures__90d",
    "neighbours__days_since_start__ever",
)  # fmt: skip


def history_names(windows: HistoryWindows) -> tuple[str, ...]:
    return build(replace(FLEET, metrics=(), history=windows)).names


@pytest.mark.parametrize("horizons", [(DAY,), (DAY, 7 * DAY), (30 * DAY,), (36 * HOUR,)])
def test_forecasts_of_a_day_and_more_have_the_usual_features(horizons: tuple[timedelta, ...]) -> None:
    assert HistoryWindows.of((), horizons) == HistoryWindows()
    assert history_names(HistoryWindows.of((), horizons)) == USUAL_NAMES
    assert EVERYTHING.names[: len(USUAL_NAMES)] == USUAL_NAMES


def test_forecasts_of_hours_also_count_failures_in_each_short_horizon_and_in_a_day() -> None:
    windows = HistoryWindows.of((), (HOUR, 6 * HOUR, DAY, 3 * DAY))
    assert windows.fleet == (*SHORT, 7 * DAY)
    assert windows.node[:4] == (*SHORT, 3 * DAY)
    added = set(history_names(windows)) - set(USUAL_NAMES)
    counts = ("failures__count", "fleet__failure_rate", "rack__failures", "hardware__failures")
    assert added == {
        f"{count}__{window}"
        for count in (*counts, "rack__failures_of_others", "neighbours__failures")
        for window in ("1h", "6h", "1d")
    }
    assert set(USUAL_NAMES) < set(history_names(windows))
    assert HistoryWindows.of((), (5 * timedelta(minutes=1),)).fleet == (timedelta(minutes=5), DAY, 7 * DAY)


def test_windows_that_are_written_replace_the_usual_ones_in_every_count() -> None:
    names = history_names(HistoryWindows.of((2 * HOUR, 60 * DAY), (HOUR,)))
    assert {name for name in names if name.startswith("failures__count")} == {
        "failures__count__2h", "failures__count__60d", "failures__count__ever",
    }  # fmt: skip
    assert [name for name in names if "fleet" in name] == ["fleet__failure_rate__2h", "fleet__failure_rate__60d"]
    assert {"rack__failures__2h", "neighbours__failures__60d", "rack__failures_of_others__2h"} < set(names)
    assert {"maintenance__count__7d", "failures_fan__count__30d", "failures__relative_rate__90d"} < set(names)


@given(
    st.lists(st.timedeltas(timedelta(seconds=1), timedelta(days=400)), min_size=1, max_size=4, unique=True).map(sorted)
)
def test_a_models_windows_are_recovered_from_the_names_of_its_features(written: list[timedelta]) -> None:
    names = history_names(HistoryWindows.of(tuple(written), (DAY,)))
    assert set(names) <= set(history_names(HistoryWindows.in_names(names)))


@given(st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=400)))
def test_a_window_is_read_back_from_a_name(window: timedelta | None) -> None:
    assert window_in(replace(EVERYTHING.features[0], window=window).name) == window


def test_a_name_without_a_window_has_none() -> None:
    assert window_in("x") is None


def test_failures_of_the_last_hours_are_counted_by_the_hour() -> None:
    nodes = [{"node": f"n{number}", "rack": "r", "observed_from": START - 30 * DAY} for number in (1, 2, 9)]
    events = [event("n1", at(10.5), at(10.6)), event("n1", at(7), at(7.5)), event("n2", at(9.75), at(9.8))]
    view = fleet(events, nodes).view(at(11))
    risk = assess(view, np.array([to_numpy(at(hour)) for hour in (10, 11)]), None)
    rows = risk.rows()
    catalogue = build(replace(FLEET, metrics=(), history=HistoryWindows.of((HOUR, 4 * HOUR), (HOUR,))))
    values = batch.compute(catalogue, view, risk, rows)

    def of(name: str) -> list[list[float]]:
        table = values[:, catalogue.columns[name]].reshape(len(rows.names), 2)
        assert (rows.names, rows.cutoff.tolist()) == (("n1", "n2", "n9"), [0, 1] * 3)
        return [[float(value) for value in row] for row in table]

    assert of("failures__count__1h") == [[0, 1], [1, 0], [0, 0]]
    assert of("failures__count__4h") == [[1, 1], [1, 1], [0, 0]]
    assert of("rack__failures__1h") == [[1, 1]] * 3
    assert of("rack__failures_of_others__1h") == [[1, 0], [0, 1], [1, 1]]
    assert of("neighbours__failures__1h") == [[1, 0], [0, 1], [0, 0]]
    rate = of("fleet__failure_rate__1h")[0][0]
    assert rate == pytest.approx((1 + 0.5) / (3 / 24 + 500))
