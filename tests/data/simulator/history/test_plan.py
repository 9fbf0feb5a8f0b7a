from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import SettingsError
from data.simulator.history.plan import SimulationPlan, Stream
from data.time_grid import DAY
from tests.data.simulator.plans import START, plan


@pytest.mark.parametrize(
    ("nodes", "days", "seed", "reported"),
    [(0, 1, 1, "--nodes = 0"), (1, 0, 1, "--days = 0"), (1, 1, -1, "--seed = -1")],
)
def test_a_number_out_of_bounds_is_reported(nodes: int, days: int, seed: int, reported: str) -> None:
    with pytest.raises(SettingsError, match=reported):
        plan(nodes, days, seed)


@pytest.mark.parametrize("interval", [timedelta(0), timedelta(hours=-1), timedelta(hours=7), timedelta(days=2)])
def test_an_interval_that_does_not_divide_a_day_is_refused(interval: timedelta) -> None:
    with pytest.raises(SettingsError, match="divides a day"):
        plan(interval=interval)


@given(st.integers(1, 40), st.sampled_from([1, 2, 3, 8, 24, 48, 144]))
def test_sample_times_are_regular_and_include_every_midnight(days: int, samples: int) -> None:
    simulated = plan(days=days, interval=DAY / samples)
    times = simulated.to_times(simulated.sample_times())
    assert len(times) == days * samples
    midnights = np.datetime64(START.replace(tzinfo=None), "us") + np.arange(1, days + 1) * np.timedelta64(1, "D")
    assert np.isin(midnights, times).all()
    assert len(set(np.diff(times))) <= 1


def test_hours_become_utc_times_and_nan_becomes_none() -> None:
    times = SimulationPlan(start=datetime(2024, 2, 28, 12, tzinfo=UTC)).to_times(np.array([0.0, 36.0, np.nan]))
    expected = ["2024-02-28T12:00", "2024-03-01T00:00", "NaT"]
    np.testing.assert_array_equal(times, np.array(expected, dtype="datetime64[us]"))


def test_each_part_has_its_own_random_stream() -> None:
    first, again = (plan().rng(Stream.LIFE, 3).random(4) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    others = [plan().rng(Stream.LIFE, 4), plan().rng(Stream.JOBS, 3), plan(seed=2).rng(Stream.LIFE, 3)]
    assert [np.array_equal(first, other.random(4)) for other in others] == [False] * 3
