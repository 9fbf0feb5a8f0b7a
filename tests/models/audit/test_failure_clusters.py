import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.grid import DAY
from models.audit.failure_clusters import MINUTE, FailureTimes, find_clusters, rayleigh

START = np.datetime64("2021-01-04", "us")


def failures(minutes: list[float], nodes: list[int] | None = None) -> FailureTimes:
    start = np.sort(START + (np.array(minutes) * 60e6).astype("timedelta64[us]"))
    return FailureTimes(start, np.array(nodes if nodes is not None else range(len(minutes)), dtype=np.int64))


@pytest.mark.parametrize("seed", range(20))
def test_a_poisson_process_has_no_clusters(seed: int) -> None:
    rng = np.random.default_rng(seed)
    minutes = rng.uniform(0, 300 * 1440, 300).tolist()
    assert find_clusters(failures(minutes, rng.integers(0, 90, 300).tolist())) == []


def test_a_burst_is_one_cluster() -> None:
    apart = (np.arange(40) * 3000.0).tolist()
    burst = [50_000.0 + 2 * i for i in range(8)]
    (cluster,) = find_clusters(failures(apart + burst))
    assert cluster.stop - cluster.start == 8


def test_one_node_that_fails_again_and_again_is_no_cluster() -> None:
    apart = (np.arange(40) * 3000.0).tolist()
    times = sorted([*apart, *(50_000.0 + 2 * i for i in range(8))])
    assert find_clusters(failures(times, [0] * len(times))) == []


def test_without_failures_there_is_no_cluster() -> None:
    assert find_clusters(failures([])) == []


def test_dates_are_searched_day_by_day() -> None:
    rng = np.random.default_rng(1)
    dated = failures((rng.integers(0, 300, 300) * 1440.0).tolist())
    assert dated.has_dates_only
    assert find_clusters(dated) == []
    (cluster,) = find_clusters(failures((np.append(np.arange(0, 300, 3), [151] * 12) * 1440.0).tolist()))
    assert cluster.stop - cluster.start == 12


@given(st.integers(0, 10_000), st.integers(0, 1439))
def test_the_length_does_not_depend_on_where_the_period_begins(seed: int, shift: int) -> None:
    times = START + np.random.default_rng(seed).integers(0, 10**6, 50) * MINUTE
    assert rayleigh(times, DAY)[0] == pytest.approx(rayleigh(times + shift * MINUTE, DAY)[0], abs=1e-9)


def test_rayleighs_p_is_uniform_by_chance() -> None:
    rng = np.random.default_rng(2)
    p_values = [rayleigh(START + rng.integers(0, 10**7, 40) * MINUTE, DAY)[1] for _ in range(1000)]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.02)


def test_one_hour_of_every_day_is_concentrated() -> None:
    length, p = rayleigh(START + np.arange(30) * DAY + 600 * MINUTE, DAY)
    assert length == pytest.approx(1)
    assert p < 1e-9


def test_no_times_are_not_concentrated() -> None:
    assert rayleigh(START + np.empty(0, dtype="timedelta64[us]"), DAY) == (0.0, 1.0)
