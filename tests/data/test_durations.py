from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.durations import format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("36h", timedelta(hours=36)),
        ("1d", timedelta(days=1)),
        ("0s", timedelta(0)),
        ("90m", timedelta(minutes=90)),
        ("1d12h", timedelta(hours=36)),
        ("2w", timedelta(days=14)),
        ("1.5h", timedelta(minutes=90)),
    ],
)
def test_a_duration_is_the_sum_of_its_parts(text: str, expected: timedelta) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "36", "h", "1 d", "-1d", "1d-", "1D", "1y", "nan", " 1d", "1d\n", "٣h"])
def test_a_text_that_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="36h, 1d, 90m or 0s"):
        parse_duration(text)


@pytest.mark.parametrize("value", [36, 1.5, True, None, ["1d"]])
def test_a_number_without_a_unit_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="36h"):
        parse_duration(value)


def test_a_duration_longer_than_a_timedelta_can_be_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than a duration can be"):
        parse_duration("999999999999w")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(weeks=2), "14d"),
        (timedelta(hours=24), "1d"),
        (timedelta(hours=36), "1d12h"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(0), "0s"),
    ],
)
def test_a_duration_is_written_in_the_longest_units_up_to_days(value: timedelta, text: str) -> None:
    assert format_duration(value) == text


@given(st.timedeltas(min_value=timedelta(0)))
def test_a_written_duration_reads_back(value: timedelta) -> None:
    assert parse_duration(format_duration(value)) == value
