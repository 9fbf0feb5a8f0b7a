from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.formats import (
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
    assert elapsed(NOW, NOW) == "now"
    assert elapsed(NOW - timedelta(days=6), NOW) == "6 days"


def test_one_is_singular() -> None:
    assert [pluralize(count, "failure") for count in (0, 1, 2000)] == [
        "0 failures",
        "1 failure",
        "2,000 failures",
    ]
