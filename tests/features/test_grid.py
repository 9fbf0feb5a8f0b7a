"""The axes of features: nodes by name, times by bucket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import SettingsError
from features.grid import Grid, locate, to_datetime, to_numpy, to_step, to_times

HOUR = timedelta(hours=1)
MOMENTS = st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  - bounds are naive, values are not


@given(MOMENTS)
def test_times_survive_the_way_to_numpy_and_back(moment: datetime) -> None:
    assert to_datetime(to_numpy(moment)) == moment
    assert to_times(pl.Series([moment], dtype=pl.Datetime("us", "UTC")))[0] == to_numpy(moment)


def test_a_null_time_becomes_nat() -> None:
    assert np.isnat(to_times(pl.Series([None], dtype=pl.Datetime("us", "UTC")))[0])


def test_names_are_located_and_unknown_ones_are_minus_one() -> None:
    assert locate(pl.Series(["b", "zz", None, "a", "b"]), ["a", "b"]).tolist() == [1, -1, -1, 0, 1]
    assert locate(pl.Series(["b"]), []).tolist() == [-1]
    assert locate(pl.Series([], dtype=pl.String), ["a"]).tolist() == []


def test_a_grid_spans_the_buckets_that_end_between_two_times() -> None:
    start, end = (to_numpy(datetime(2021, 1, 1, hour, 30, tzinfo=UTC)) for hour in (3, 6))
    grid = Grid.spanning(start, end, HOUR)
    assert grid.count == 3
    assert grid.start == datetime(2021, 1, 1, 4, tzinfo=UTC)
    assert grid.position(np.array([end - to_step(HOUR / 2)])).tolist() == [2]
    assert grid.numbers[0] * 3_600 == grid.start.timestamp()
    assert Grid.spanning(end, start, HOUR).count == 0


def test_a_cutoff_off_the_grid_is_refused() -> None:
    with pytest.raises(SettingsError, match="2021-01-01T00:20"):
        Grid.clock(HOUR).position(np.array(["2021-01-01T00:00", "2021-01-01T00:20"], dtype="datetime64[us]"))


@pytest.mark.parametrize("window", [timedelta(minutes=90), timedelta(minutes=30), timedelta(0)])
def test_a_window_that_buckets_do_not_fill_is_refused(window: timedelta) -> None:
    with pytest.raises(SettingsError, match="not a multiple"):
        Grid.clock(HOUR).length(window)


def test_a_window_is_counted_in_buckets() -> None:
    assert Grid.clock(HOUR).length(timedelta(days=7)) == 168
