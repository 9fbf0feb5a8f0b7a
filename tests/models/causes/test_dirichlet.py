from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.causes.counts import LEVELS, CountLevel
from models.causes.dirichlet import DirichletHierarchy, fit, log_losses

FLEET, NODE = CountLevel("fleet", None), CountLevel("node", None)


def test_shares_are_the_dirichlet_multinomials_by_hand() -> None:
    counts = {FLEET: np.array([[6.0, 2.0]]), NODE: np.array([[0.0, 1.0]])}
    fleet = np.array([(6 + 4 * 0.5) / 12, (2 + 4 * 0.5) / 12])
    node = np.array([3 * fleet[0] / 4, (1 + 3 * fleet[1]) / 4])
    assert DirichletHierarchy({NODE: 3.0, FLEET: 4.0}).shares(counts)[0] == pytest.approx(node)


def test_a_node_without_failures_has_the_shares_of_the_fleet() -> None:
    counts = {FLEET: np.array([[6.0, 2.0]]), NODE: np.zeros((1, 2))}
    shares = DirichletHierarchy({FLEET: 3.0, NODE: 10.0}).shares(counts)
    assert shares == pytest.approx(DirichletHierarchy({FLEET: 3.0}).shares(counts))


@given(
    count=arrays(np.float64, (5, 3), elements=st.integers(0, 1000).map(float)),
    strength=st.sampled_from([3.0, 300.0]),
)
def test_shares_are_positive_and_add_up_to_one(count: np.ndarray, strength: float) -> None:
    shares = DirichletHierarchy(dict.fromkeys(LEVELS, strength)).shares(dict.fromkeys(LEVELS, count))
    assert (shares > 0).all()
    assert shares.sum(axis=1) == pytest.approx(1)


def test_a_level_that_predicts_the_cause_is_used_and_noise_is_not() -> None:
    rng = np.random.default_rng(1)
    cause = rng.integers(0, 2, 400)
    predictive, noise = 20.0 * np.eye(2)[cause], rng.integers(0, 20, (400, 2)).astype(float)
    hierarchy = fit({FLEET: noise, NODE: predictive}, cause, np.ones(400))
    assert set(hierarchy.strengths) == {NODE}
    assert log_losses(hierarchy.shares({NODE: predictive}), cause).mean() < 0.1


def test_where_nothing_helps_all_causes_are_as_likely() -> None:
    counts = {FLEET: np.random.default_rng(2).integers(0, 50, (60, 2)).astype(float)}
    assert fit(counts, np.arange(60) % 2, np.ones(60)).strengths == {}
