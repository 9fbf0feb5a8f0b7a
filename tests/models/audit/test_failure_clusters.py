import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.audit.failure_clusters import DAY, MINUTE, Starts, groups, rayleigh

START = np.datetime64("2021-01-04", "us")


def starts(minutes: list[float], nodes: list[int] | None = None) -> Starts:
    at = np.sort(START + (np.array(minutes) * 60e6).astype("timedelta64[us]"))
    return Starts(at, np.array(nodes if nodes is not None else range(len(minutes)), dtype=np.int64))


def test_a_poisson_process_has_no_groups() -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert groups(starts(rng.uniform(0, 300 * 1440, 300).tolist(), rng.integers(0, 90, 300).tolist())) == []


def test_a_burst_is_one_group() -> None:
    apart = (np.arange(40) * 3000.0).tolist()
    burst = [50_000.0 + 2 * at for at in range(8)]
    (group,) = groups(starts(apart + burst))
    assert group.stop - group.start == 8


def test_one_node_that_fails_again_and_again_is_no_group() -> None:
    apart = (np.arange(40) * 3000.0).tolist()
    times = sorted([*apart, *(50_000.0 + 2 * at for at in range(8))])
    assert groups(starts(times, [0] * len(times))) == []


def test_no_failure_has_no_group() -> None:
    assert groups(starts([])) == []


def test_dates_are_searched_day_by_day() -> None:
    rng = np.random.default_rng(1)
    dated = starts((rng.integers(0, 300, 300) * 1440.0).tolist())
    assert dated.is_dated
    assert groups(dated) == []
    (group,) = groups(starts((np.append(np.arange(0, 300, 3), [151] * 12) * 1440.0).tolist()))
    assert group.stop - group.start == 12


@given(st.integers(0, 10_000), st.integers(0, 1439))
def test_gathering_does_not_depend_on_where_the_period_begins(seed: int, shift: int) -> None:
    at = START + np.random.default_rng(seed).integers(0, 10**6, 50) * MINUTE
    assert rayleigh(at, DAY)[0] == pytest.approx(rayleigh(at + shift * MINUTE, DAY)[0], abs=1e-9)


def test_rayleighs_p_is_uniform_by_chance() -> None:
    rng = np.random.default_rng(2)
    told = [rayleigh(START + rng.integers(0, 10**7, 40) * MINUTE, DAY)[1] for _ in range(1000)]
    assert np.mean(np.array(told) < 0.05) == pytest.approx(0.05, abs=0.02)


def test_one_hour_of_every_day_is_gathered() -> None:
    length, p = rayleigh(START + np.arange(30) * DAY + 600 * MINUTE, DAY)
    assert length == pytest.approx(1)
    assert p < 1e-9


def test_no_time_is_not_gathered() -> None:
    assert rayleigh(START + np.empty(0, dtype="timedelta64[us]"), DAY) == (0.0, 1.0)
