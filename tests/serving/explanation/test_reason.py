from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import DataError
from serving.explanation.reason import Reason, from_json, reasons_text, to_json

FAN = Reason(
    metric="fan",
    statistic="mean__1d",
    value=2_100.0,
    unit="RPM",
    low=5_400.0,
    high=6_100.0,
    since=datetime(2024, 3, 3, 14, tzinfo=UTC),
    or_earlier=False,
    odds=2.4,
    text="fan speed 2,100 RPM, normal 5,400–6,100, since 3 Mar 14:00 (6 days): odds ×2.4",
)
NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False)
REASONS = st.lists(
    st.builds(
        Reason,
        metric=st.text(),
        statistic=st.text(),
        value=NUMBER,
        unit=st.text(),
        low=NUMBER,
        high=NUMBER,
        since=st.none() | st.datetimes(timezones=st.just(UTC)),
        or_earlier=st.booleans(),
        odds=NUMBER,
        text=st.text(),
    ),
    max_size=3,
).map(tuple)


@given(REASONS)
def test_written_reasons_are_read_back(reasons: tuple[Reason, ...]) -> None:
    assert from_json(to_json(reasons)) == reasons


def test_json_holds_a_key_for_each_field_and_the_text() -> None:
    (reason,) = json.loads(to_json([FAN]))
    assert reason["since"] == "2024-03-03T14:00:00+00:00"
    assert (reason["metric"], reason["value"], reason["low"], reason["high"]) == ("fan", 2100.0, 5400.0, 6100.0)
    assert (reason["odds"], reason["text"]) == (2.4, FAN.text)


def test_no_reasons_are_an_empty_list() -> None:
    assert to_json([]) == "[]"
    assert from_json(None) == from_json("") == from_json("[]") == ()


@pytest.mark.parametrize("text", ["load mean: 3, odds x2", "[1]", '[{"metric": "fan"}]', "{}x", '{"metric": "fan"}'])
def test_text_that_is_not_a_list_of_reasons_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="run `nodeward score` again"):
        from_json(text)


def test_reasons_are_joined_on_one_line() -> None:
    assert reasons_text([FAN, FAN]) == f"{FAN.text}; {FAN.text}"
    assert reasons_text([]) == ""
    assert str(FAN) == FAN.text
