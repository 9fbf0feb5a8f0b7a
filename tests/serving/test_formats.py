from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.formats import a_day, ago, bare, days, hours, joined, length, moment, number, percent, plain, span

NOW = datetime(2024, 3, 9, 14, tzinfo=UTC)
FLOATS = st.floats(-1e9, 1e9)


@pytest.mark.parametrize(
    ("value", "told"),
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
def test_numbers_have_three_digits_and_no_power_of_ten_where_they_are_large(value: float, told: str) -> None:
    assert number(value) == told


@given(FLOATS)
def test_a_number_that_was_written_is_within_its_digits(value: float) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=0.006, abs=1e-300)


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (plain(3.0, "W"), "3 W"),
        (plain(3.0, "%"), "3%"),
        (plain(3.0, ""), "3"),
        (bare(3.0, "failures"), "3"),
        (a_day(1.8, "°C/d"), "1.8 °C"),
        (percent(0.6, "x fleet"), "60%"),
        (days(1.5, "d"), "36 h"),
        (days(2.0, "d"), "2 days"),
        (hours(47.0, "h"), "47 h"),
        (hours(72.0, "h"), "3 days"),
    ],
)
def test_amounts_are_told_in_the_unit_that_people_use(amount: tuple[str, str], told: str) -> None:
    assert joined(amount) == told


@pytest.mark.parametrize(
    ("low", "high", "unit", "told"),
    [
        (5_400, 6_100, "RPM", "5,400–6,100"),
        (5_400, 6_100, "", "5,400–6,100 RPM"),
        (0, 0, "RPM", "0"),
        (1.0001, 1.0002, "RPM", "1"),
        (-2, 3, "RPM", "-2 to 3"),
        (-2, -2, "RPM", "-2"),
    ],
)
def test_a_range_says_its_unit_only_if_it_was_not_just_said(low: float, high: float, unit: str, told: str) -> None:
    assert span(plain(low, "RPM"), plain(high, "RPM"), unit) == told


def test_a_range_of_two_units_says_both_and_a_percent_is_always_said() -> None:
    assert span(hours(0.0, "h"), hours(120.0, "h"), "h") == "0 h to 5 days"
    assert span(percent(0.99, ""), percent(1.0, ""), "%") == "99–100%"


@pytest.mark.parametrize(
    ("time", "told"),
    [
        (datetime(2024, 3, 3, tzinfo=UTC), "3 Mar"),
        (datetime(2024, 3, 3, 14, 5, tzinfo=UTC), "3 Mar 14:05"),
        (datetime(2023, 3, 3, tzinfo=UTC), "3 Mar 2023"),
        (datetime(2021, 12, 31, 23, 59, tzinfo=UTC), "31 Dec 2021 23:59"),
    ],
)
def test_a_time_is_told_as_short_as_it_can_be(time: datetime, told: str) -> None:
    assert moment(time, NOW) == told


def test_lengths_are_told_in_hours_and_then_in_days() -> None:
    assert [length(timedelta(hours=at)) for at in (5, 47, 48, 132)] == ["5 h", "47 h", "2 days", "5.5 days"]
    assert ago(NOW, NOW) == "now"
    assert ago(NOW - timedelta(days=6), NOW) == "6 days"
