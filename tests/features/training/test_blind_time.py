"""Blind time: the union of blind periods, against one that is painted hour by hour."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from data.schema import BLIND_SCHEMA
from features.grid import to_numpy
from features.training.blind_time import BlindTime
from tests.features.fleets import table_of
from tests.features.strategies import at

HOURS = 60
PERIODS = st.lists(st.tuples(st.integers(0, HOURS - 1), st.integers(1, 30)), max_size=8)


def blind_time(periods: list[tuple[int, int]]) -> BlindTime:
    """Build blind time from start and length of each period, in hours."""
    rows = [{"start": at(start), "end": at(start + length), "recorded_at": at(0)} for start, length in periods]
    return BlindTime.of(table_of(BLIND_SCHEMA, rows))


def hours(*numbers: float) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    return np.array([to_numpy(at(number)) for number in numbers], dtype="datetime64[us]")


@given(PERIODS, st.integers(-5, HOURS + 35), st.integers(0, 40))
def test_the_blind_share_of_an_interval_is_that_of_the_union_painted_hour_by_hour(
    periods: list[tuple[int, int]], begin: int, length: int
) -> None:
    is_blind = np.zeros(200, dtype=bool)  # the hour from i - 10 to i - 9
    for start, duration in periods:
        is_blind[start + 10 : start + duration + 10] = True
    blind = blind_time(periods)
    expected = is_blind[begin + 10 : begin + length + 10].mean() if length else 0.0
    assert blind.share(hours(begin), hours(begin + length)).tolist() == [expected]
    middles = np.arange(-10, 190) + 0.5
    assert blind.contains(hours(*middles)).tolist() == is_blind.tolist()


@given(PERIODS)
def test_periods_are_apart_and_in_the_order_of_time(periods: list[tuple[int, int]]) -> None:
    blind = blind_time(periods)
    assert (blind.start < blind.end).all()
    assert (blind.start[1:] > blind.end[:-1]).all()


def test_a_period_is_open_at_its_start_and_closed_at_its_end() -> None:
    blind = blind_time([(3, 2), (5, 4), (20, 1)])
    assert blind.contains(hours(3, 3.1, 5, 5.1, 9, 9.1, 20, 21)).tolist() == [
        False,
        True,
        True,
        True,
        True,
        False,
        False,
        True,
    ]
    assert blind.contains(np.array([np.datetime64("NaT", "us")])).tolist() == [False]
    assert len(blind.start) == 2


def test_without_periods_nothing_is_blind() -> None:
    blind = BlindTime.of(pl.DataFrame(schema=BLIND_SCHEMA))
    assert blind.share(hours(0, 1), hours(5, 6)).tolist() == [0, 0]
    assert blind.contains(hours(0, 1)).tolist() == [False, False]
