from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models.evaluation.context import EvaluationContext, set_up
from models.evaluation.slices.significance import chances, dispersion, stands_out
from models.metrics.bootstrap import draw_resampler
from tests.models.made_up import START, Size, made_up_cases

COUNTS = st.integers(0, 60)
MEANS = st.floats(0.05, 60)


@given(COUNTS, MEANS)
def test_a_chance_is_scipys_of_a_poisson_count(count: int, mean: float) -> None:
    told = chances(np.array([count], dtype=float), np.array([mean]), 1.0)[0]
    above, below = stats.poisson.sf(count - 1, mean), stats.poisson.cdf(count, mean)
    assert told == pytest.approx(min(1.0, 2 * min(above, below)), rel=1e-6, abs=1e-12)


@given(COUNTS, MEANS, st.floats(1, 10))
def test_more_scatter_makes_no_count_more_surprising_by_much(count: int, mean: float, scatter: float) -> None:
    one, many = (chances(np.array([float(count)]), np.array([mean]), each)[0] for each in (1.0, scatter))
    assert 0 <= one <= 1
    assert many >= one - 0.2


def test_nothing_expected_and_nothing_seen_is_no_surprise() -> None:
    told = chances(np.array([0.0, 3.0]), np.array([0.0, 0.0]), 1.0)
    assert told.tolist() == [1.0, 0.0]


@given(st.lists(st.floats(0, 1), max_size=40))
def test_what_stands_out_is_what_scipys_adjusted_chances_say(told: list[float]) -> None:
    chance = np.array(told)
    if len(chance):
        assert stands_out(chance).tolist() == (stats.false_discovery_control(chance) <= 0.05).tolist()
    else:
        assert stands_out(chance).tolist() == []


def bench_of(size: Size) -> EvaluationContext:
    rng = np.random.default_rng(1)
    cases = made_up_cases(rng, size)
    return set_up(cases, draw_resampler(cases.names, START, START + np.timedelta64(400, "D"), rng, 10))


def test_failures_that_come_alone_scatter_as_poisson_and_those_of_a_week_more() -> None:
    rng = np.random.default_rng(2)
    bench = bench_of(Size(nodes=300, steps=80, failures=0))
    every = bench.cases

    def scatter(day: np.ndarray) -> float:
        label = np.zeros(len(every.node))
        for node, when in zip(rng.permutation(300)[: len(day)], day, strict=True):
            start = START + np.timedelta64(1, "D") * int(when)
            label[(every.node == node) & (every.ts < start) & (every.ts >= start - every.horizon)] = 1
        every.label[:] = label
        own = set_up(every, draw_resampler(every.names, START, START + np.timedelta64(400, "D"), rng, 10))
        return dispersion(own, np.full(len(label), 0.02))

    alone, together = scatter(rng.integers(8, 80, 60)), scatter(np.repeat([20, 50], 30))
    assert 1.0 <= alone < 2.5
    assert together > 4 * alone


def test_without_failures_there_is_no_scatter() -> None:
    bench = bench_of(Size(failures=0))
    assert dispersion(bench, np.full(len(bench.cases.node), 0.1)) == 1.0
