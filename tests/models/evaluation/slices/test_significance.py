from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from models.evaluation.context import EvaluationContext
from models.evaluation.slices.significance import dispersion, is_discovery, p_values
from models.metrics.bootstrap import draw_resampler
from tests.models.made_up import START, Size, made_up_cases

COUNTS = st.integers(0, 60)
MEANS = st.floats(0.05, 60)


@given(COUNTS, MEANS)
def test_a_p_value_is_scipys_of_a_poisson_count(count: int, mean: float) -> None:
    p_value = p_values(np.array([count], dtype=float), np.array([mean]), 1.0)[0]
    above, below = stats.poisson.sf(count - 1, mean), stats.poisson.cdf(count, mean)
    assert p_value == pytest.approx(min(1.0, 2 * min(above, below)), rel=1e-6, abs=1e-12)


@given(COUNTS, MEANS, st.floats(1, 10))
def test_more_dispersion_makes_no_count_more_significant_by_much(count: int, mean: float, scatter: float) -> None:
    poisson, dispersed = (p_values(np.array([float(count)]), np.array([mean]), each)[0] for each in (1.0, scatter))
    assert 0 <= poisson <= 1
    assert dispersed >= poisson - 0.2


def test_nothing_expected_and_nothing_observed_is_not_significant() -> None:
    assert p_values(np.array([0.0, 3.0]), np.array([0.0, 0.0]), 1.0).tolist() == [1.0, 0.0]


@given(st.lists(st.floats(0, 1), max_size=40))
def test_discoveries_are_those_of_scipys_adjusted_p_values(values: list[float]) -> None:
    p_value = np.array(values)
    if len(p_value):
        assert is_discovery(p_value).tolist() == (stats.false_discovery_control(p_value) <= 0.05).tolist()
    else:
        assert is_discovery(p_value).tolist() == []


def context_of(size: Size) -> EvaluationContext:
    rng = np.random.default_rng(1)
    cases = made_up_cases(rng, size)
    return EvaluationContext.of(cases, draw_resampler(cases.names, START, START + np.timedelta64(400, "D"), rng, 10))


def test_failures_that_come_alone_scatter_as_poisson_and_those_of_a_week_more() -> None:
    rng = np.random.default_rng(2)
    cases = context_of(Size(nodes=300, steps=80, failures=0)).cases

    def scatter(days: np.ndarray) -> float:
        label = np.zeros(len(cases.node))
        for node, day in zip(rng.permutation(300)[: len(days)], days, strict=True):
            start = START + np.timedelta64(1, "D") * int(day)
            label[(cases.node == node) & (cases.ts < start) & (cases.ts >= start - cases.horizon_step)] = 1
        failing = replace(cases, label=label)
        resampler = draw_resampler(cases.names, START, START + np.timedelta64(400, "D"), rng, 10)
        return dispersion(EvaluationContext.of(failing, resampler), np.full(len(label), 0.02))

    alone, together = scatter(rng.integers(8, 80, 60)), scatter(np.repeat([20, 50], 30))
    assert 1.0 <= alone < 2.5
    assert together > 4 * alone


def test_without_failures_there_is_no_scatter() -> None:
    context = context_of(Size(failures=0))
    assert dispersion(context, np.full(len(context.cases.node), 0.1)) == 1.0
