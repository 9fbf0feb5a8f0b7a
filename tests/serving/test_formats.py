from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.formats import (
    alarm_rate,
    chance,
    date_or_minute,
    days,
    duration,
    elapsed,
    hours,
    join_unit,
    number,
    per_day,
    percent,
    pluralize,
    short_time,
    value_range,
    with_unit,
    without_unit,
)

NOW = datetime(2024, 3, 9, 14, tzinfo=UTC)
FLOATS = st.floats(-1e9, 1e9)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234.5, "1,234"),
        (0.012345, "0.0123"),
        (999.7, "1,000"),
        (99.96, "100"),
        (-1e7, "-10,000,000"),
        (0.0, "0"),
        (-0.0, "0"),
        (-3.14159, "-3.14"),
    ],
)
def test_a_number_has_three_digits_and_a_large_one_no_power_of_ten(value: float, text: str) -> None:
    assert number(value) == text


@given(FLOATS)
def test_a_formatted_number_differs_from_its_value_by_rounding_only(value: float) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=0.006, abs=1e-300)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (with_unit(3.0, "W"), "3 W"),
        (with_unit(3.0, "%"), "3%"),
        (with_unit(3.0, ""), "3"),
        (without_unit(3.0, "failures"), "3"),
        (per_day(1.8, "°C/d"), "1.8 °C"),
        (percent(0.6, "x fleet"), "60%"),
        (days(1.5, "d"), "36 h"),
        (days(2.0, "d"), "2 days"),
        (hours(47.0, "h"), "47 h"),
        (hours(72.0, "h"), "3 days"),
        (hours(0.5, "h"), "30 min"),
        (hours(1.0, "h"), "1 h"),
        (hours(0.0, "h"), "0 h"),
        (hours(-1.5, "h"), "-1.5 h"),
        (hours(math.nan, "h"), "\N{EN DASH} h"),
        (days(1 / 24, "d"), "1 h"),
        (days(5 / 1440, "d"), "5 min"),
    ],
)
def test_an_amount_is_formatted_in_the_unit_that_people_use(amount: tuple[str, str], text: str) -> None:
    assert join_unit(amount) == text


@pytest.mark.parametrize(
    ("low", "high", "preceding_unit", "text"),
    [
        (5_400, 6_100, "RPM", "5,400–6,100"),
        (5_400, 6_100, "", "5,400–6,100 RPM"),
        (0, 0, "RPM", "0"),
        (1.0001, 1.0002, "RPM", "1"),
        (-2, 3, "RPM", "-2 to 3"),
        (-2, -2, "RPM", "-2"),
    ],
)
def test_a_range_has_a_unit_unless_the_amount_before_it_had_the_same(
    low: float, high: float, preceding_unit: str, text: str
) -> None:
    assert value_range(with_unit(low, "RPM"), with_unit(high, "RPM"), preceding_unit) == text


def test_a_range_of_two_units_has_both_and_a_percent_sign_is_never_left_out() -> None:
    assert value_range(hours(0.0, "h"), hours(120.0, "h"), "h") == "0 h to 5 days"
    assert value_range(percent(0.99, ""), percent(1.0, ""), "%") == "99–100%"


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (datetime(2024, 3, 3, tzinfo=UTC), "3 Mar"),
        (datetime(2024, 3, 3, 14, 5, tzinfo=UTC), "3 Mar 14:05"),
        (datetime(2023, 3, 3, tzinfo=UTC), "3 Mar 2023"),
        (datetime(2021, 12, 31, 23, 59, tzinfo=UTC), "31 Dec 2021 23:59"),
    ],
)
def test_a_time_is_written_as_short_as_possible(time: datetime, text: str) -> None:
    assert short_time(time, NOW) == text


def test_a_duration_is_written_in_hours_and_from_two_days_on_in_days() -> None:
    assert [duration(timedelta(hours=length)) for length in (5, 47, 48, 132)] == ["5 h", "47 h", "2 days", "5.5 days"]
    assert [duration(timedelta(minutes=length)) for length in (0.5, 1, 30, 59, 60, 90)] == [
        "30 s",
        "1 min",
        "30 min",
        "59 min",
        "1 h",
        "1.5 h",
    ]
    assert duration(timedelta(hours=151), 2) == "6.3 days"
    assert elapsed(NOW, NOW) == "now"
    assert elapsed(NOW - timedelta(days=6), NOW) == "6 days"


@given(st.timedeltas(timedelta(seconds=1), timedelta(days=3650)))
def test_a_duration_differs_from_what_is_written_by_rounding_only(length: timedelta) -> None:
    amount, unit = duration(length).split()
    one = {"days": timedelta(days=1), "h": timedelta(hours=1), "min": timedelta(minutes=1), "s": timedelta(seconds=1)}
    assert float(amount.replace(",", "")) * one[unit] / length == pytest.approx(1, rel=0.006)


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0.005, "one alarm per 200 nodes and day"),
        (0.0005, "one alarm per 2,000 nodes and day"),
        (1.0, "one alarm per node and day"),
        (2.5, "2.5 alarms per node and day"),
    ],
)
def test_a_rate_of_alarms_is_written_for_a_number_of_nodes(rate: float, text: str) -> None:
    assert alarm_rate(rate) == text


def test_a_small_probability_keeps_two_digits() -> None:
    probabilities = (0.4281, 1.0, 0.01, 0.00994, 0.000045, 0.0)
    assert [chance(probability) for probability in probabilities] == [
        "42.8%",
        "100.0%",
        "1.0%",
        "0.99%",
        "0.0045%",
        "0%",
    ]


def test_a_time_is_a_date_unless_it_has_an_hour() -> None:
    assert [date_or_minute(time) for time in (NOW, NOW.replace(hour=0))] == ["2024-03-09 14:00", "2024-03-09"]


def test_one_is_singular() -> None:
    assert [pluralize(count, "failure") for count in (0, 1, 2000)] == [
        "0 failures",
        "1 failure",
        "2,000 failures",
    ]
