from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report.charts.scales import LinearScale, LogarithmicScale, TimeScale, time_name

FINITE = st.floats(-1e6, 1e6)


@given(FINITE, st.floats(1e-3, 1e6), st.integers(2, 12))
def test_ticks_are_evenly_spaced_inside_the_range_and_not_too_many(low: float, width: float, most: int) -> None:
    scale = LinearScale(low, low + width, 0, 100)
    ticks = scale.ticks(most)
    assert len(ticks) <= most + 1
    assert [tick for tick in ticks if not -1e-3 <= scale(tick) <= 100 + 1e-3] == []
    assert np.diff(ticks, 2) == pytest.approx(0, abs=width * 1e-6)


def test_a_linear_scale_maps_its_ends_and_one_without_width_maps_all_to_one_place() -> None:
    assert [LinearScale(2, 4, 10, 0)(value) for value in (2, 3, 4)] == [10, 5, 0]
    assert LinearScale(2, 2, 0, 10)(2) == 0


def test_a_logarithmic_scale_maps_decades_evenly_and_values_outside_to_the_edge() -> None:
    scale = LogarithmicScale(0.001, 0.1, 0, 100)
    assert [round(scale(value), 9) for value in (0.001, 0.01, 0.1, 0.0, 1.0)] == [0, 50, 100, 0, 100]
    assert math.isnan(scale(math.nan))
    assert scale.ticks(8) == [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1]
    assert scale.ticks(4) == [0.001, 0.01, 0.1]


def test_logarithmic_ticks_of_less_than_a_decade_are_thinned_and_not_lost() -> None:
    assert LogarithmicScale(0.002, 0.09, 0, 1).ticks(3) == [0.002, 0.01, 0.05]
    assert LogarithmicScale(0.011, 0.06, 0, 1).ticks(4) == [0.02, 0.05]


def day(text: str) -> np.datetime64:
    return np.datetime64(text, "us")


@pytest.mark.parametrize(
    ("low", "high", "names"),
    [
        ("2021-07-01", "2021-07-04", ["1 Jul", "2 Jul", "3 Jul", "4 Jul"]),
        ("2021-07-01", "2021-08-01", ["5 Jul", "12 Jul", "19 Jul", "26 Jul"]),
        ("2021-11-15", "2022-03-15", ["Dec", "2022", "Feb", "Mar"]),
        ("2021-07-01T05", "2021-07-03T01", ["12:00", "2 Jul", "12:00", "3 Jul"]),
        ("2021-07-01T22:10", "2021-07-02T01:50", ["23:00", "2 Jul", "01:00"]),
        ("2021-07-01T06:00", "2021-07-01T09:00", ["1 Jul 06:00", "07:00", "08:00", "09:00"]),
        ("2021-07-01T06:58", "2021-07-01T07:09", ["1 Jul 07:00", "07:05"]),
    ],
)
def test_a_time_scale_names_minutes_hours_days_mondays_and_months(low: str, high: str, names: list[str]) -> None:
    scale = TimeScale(day(low), day(high), 0, 100)
    ticks = scale.ticks(5)
    assert [name for _, name in ticks] == names
    assert [time for time, _ in ticks if not 0 <= scale(time) <= 100] == []


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(2, 12))
def test_ticks_of_time_are_inside_and_not_too_many(start: int, minutes: int, most: int) -> None:
    low = day("2021-07-01") + np.timedelta64(start, "m")
    scale = TimeScale(low, low + np.timedelta64(minutes, "m"), 0, 100)
    ticks = [time for time, _ in scale.ticks(most)]
    assert [time for time in ticks if not scale.low <= time <= scale.high] == []
    assert len(ticks) <= most + 1
    assert ticks == sorted(ticks)


def test_a_time_is_named_as_precisely_as_its_axis() -> None:
    moment, start = day("2021-07-05T06:30"), day("2021-07-01")
    assert TimeScale(start, day("2021-07-08"), 0, 1).name(moment) == time_name(moment) == "5 Jul 06:30"
    assert TimeScale(start, day("2021-07-21"), 0, 1).name(moment) == "5 Jul"
    assert time_name(start) == "1 Jul"


def test_a_time_scale_of_years_has_few_ticks_and_one_of_no_length_maps_all_to_one_place() -> None:
    assert len(TimeScale(day("2010-01-01"), day("2021-01-01"), 0, 100).ticks(8)) <= 8
    assert TimeScale(day("2021-01-01"), day("2021-01-01"), 3, 100)(day("2021-01-01")) == 3
