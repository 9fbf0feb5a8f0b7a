from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models.baselines.base_rate import base_rate_probabilities
from models.baselines.labelled import Labelled
from models.baselines.logistic import logistic
from models.baselines.raw_lightgbm import beside_fleet, lightgbm_raw
from models.baselines.rule import Rule, apply_rule, choose_rule

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
ANY_FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


def labelled(features: list[list[float]], label: list[float], weight: list[float] | None = None) -> Labelled:
    told = np.array(features, dtype=np.float32)
    return Labelled(told, np.array(label), np.array(weight or [1.0] * len(label)))


def training(rng: np.random.Generator, count: int = 400) -> Labelled:
    """Draw rows of which the second column tells most, downwards, the third a little, the first nothing."""
    features = rng.normal(size=(count, 3))
    fails = rng.random(count) < 1 / (1 + np.exp(2 + 3 * features[:, 1] - features[:, 2]))
    return Labelled(features.astype(np.float32), fails.astype(np.float64), np.ones(count))


def test_the_base_rate_by_hand() -> None:
    rate, cutoff = np.array([0.0, 0.01, np.nan]), np.array([1, 1, 0, 2])
    expected = [1 - np.exp(-0.07), 1 - np.exp(-0.07), 0, 0]
    assert base_rate_probabilities(rate, cutoff, 7.0).tolist() == pytest.approx(expected)


def test_the_share_of_failing_rows_counts_rows_for_those_they_stand_for() -> None:
    assert labelled([[0.0]] * 3, [1, 0, 0], [1, 4, 5]).rate == pytest.approx(0.1)
    assert 0 < labelled([], []).rate < 1e-9


def test_the_rule_is_the_column_and_direction_with_the_best_average_precision() -> None:
    assert choose_rule(training(np.random.default_rng(0))) == Rule(1, -1.0)
    assert choose_rule(labelled([[1, 5], [2, 4], [3, 6]], [0, 0, 1])) == Rule(0, 1.0)
    assert choose_rule(labelled([[1, 7], [2, 7], [3, 7]], [1, 0, 0])) == Rule(0, -1.0)


def test_the_rule_looks_at_weights() -> None:
    rows = [[3.0], [2.0], [1.0]]
    assert choose_rule(labelled(rows, [0, 1, 0], [9, 1, 1])) == Rule(0, -1.0)
    assert choose_rule(labelled(rows, [0, 1, 0], [1, 1, 9])) == Rule(0, 1.0)


def test_a_missing_value_is_not_taken_for_a_sign_of_failure() -> None:
    told = labelled([[np.nan, 0], [np.nan, 0], [1, 1], [2, 0]], [1, 1, 0, 0])
    assert choose_rule(told).column == 1


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("label", [[0, 0, 1, 1, 0, 1], [1, 1, 0, 0, 1, 0], [0] * 6, [1] * 6])
@given(st.lists(ANY_FLOAT32, min_size=2, unique=True))
@example([3.4028234663852886e38, 3.4028232635611926e38, -3.4028234663852886e38])
@example([1.0, 1.0000001192092896, 0.9999999403953552])
@example([1e-45, 0.0, -1e-45])
def test_the_rule_keeps_the_order_of_the_values_without_a_tie(
    sign: float, label: list[float], values: list[float]
) -> None:
    told = labelled([[0.0], [1.0], [2.0], [3.0], [np.nan], [1e20]], label)
    ranked = np.array(sorted(values, key=lambda value: sign * value), dtype=np.float32)
    risk = apply_rule(Rule(0, sign), told, np.append(ranked, np.float32(np.nan))[:, None])
    assert all(low < high for low, high in pairwise(risk[:-1].tolist()))
    assert risk[-1] < risk[0]
    assert ((risk >= 0) & (risk <= 1)).all()


def test_zero_is_zero_with_either_sign() -> None:
    told = labelled([[0.0], [1.0]], [0, 1])
    plus, minus = apply_rule(Rule(0, 1.0), told, np.array([[0.0], [-0.0]], np.float32))
    assert plus == minus


def test_the_rules_probabilities_are_calibrated_on_training_data() -> None:
    told = training(np.random.default_rng(1), 4000)
    risk = apply_rule(Rule(1, -1.0), told, told.features)
    assert risk.mean() == pytest.approx(told.label.mean(), rel=0.01)
    upper = risk > np.median(risk)
    assert risk[upper].mean() == pytest.approx(told.label[upper].mean(), rel=0.1)


def test_a_rules_probability_depends_on_its_own_row_alone() -> None:
    told = training(np.random.default_rng(2))
    rows = np.array([[0.3], [np.nan], [-2.0]], np.float32)
    rule = Rule(0, 1.0)
    own = labelled(told.features[:, [0]].tolist(), told.label.tolist())
    together = apply_rule(rule, own, rows)
    assert together.tolist() == [apply_rule(rule, own, rows[[at]])[0] for at in range(3)]


@pytest.mark.parametrize("rows", [[[np.nan]] * 4, [[5.0]] * 4, []])
def test_a_rule_over_a_column_that_says_nothing_still_gives_probabilities(rows: list[list[float]]) -> None:
    told = Labelled(
        np.array(rows, np.float32).reshape(-1, 1), np.array([0.0, 1.0, 0, 0][: len(rows)]), np.ones(4)[: len(rows)]
    )
    risk = apply_rule(Rule(0, 1.0), told, np.array([[1.0], [np.nan]], np.float32))
    assert np.isfinite(risk).all()
    assert risk[1] < risk[0]


def test_the_logistic_baseline_learns_and_fills_gaps() -> None:
    told = training(np.random.default_rng(3), 2000)
    told.features[::5, 0] = np.nan
    features = np.column_stack([told.features, np.full(2000, np.nan)]).astype(np.float32)
    risk = logistic(Labelled(features, told.label, told.weight), features, 1)
    assert np.isfinite(risk).all()
    assert risk[told.label == 1].mean() > 2 * risk[told.label == 0].mean()
    assert risk.mean() == pytest.approx(told.label.mean(), rel=0.02)


@pytest.mark.parametrize("forecast", [logistic, lightgbm_raw])
def test_a_row_counts_for_those_that_it_stands_for(forecast: object) -> None:
    assert callable(forecast)
    rng = np.random.default_rng(4)
    told, unseen = training(rng, 300), training(rng, 300).features
    heavy = Labelled(told.features, told.label, np.where(told.label == 1, 5.0, 1.0))
    assert forecast(heavy, unseen, 1).mean() > 1.05 * forecast(told, unseen, 1).mean()


@pytest.mark.parametrize("forecast", [logistic, lightgbm_raw])
@pytest.mark.parametrize(("label", "expected"), [([0, 0, 0], 0.0), ([1, 1, 1], 1.0)])
def test_labels_of_one_kind_give_their_rate(forecast: object, label: list[float], expected: float) -> None:
    assert callable(forecast)
    told = labelled([[1.0], [2.0], [3.0]], label)
    assert forecast(told, told.features[:2], 1).tolist() == [expected, expected]


def test_lightgbm_raw_is_the_same_twice() -> None:
    told = training(np.random.default_rng(5))
    one, same = (lightgbm_raw(told, told.features, 1) for _ in range(2))
    assert one.tobytes() == same.tobytes()
    assert one[told.label == 1].mean() > one[told.label == 0].mean()


@settings(max_examples=50, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(0, 30), st.integers(1, 3)),
        elements=st.one_of(st.just(np.nan), st.floats(-1e6, 1e6, width=32)),
    ),
    st.integers(0, 1000),
)
def test_the_distance_from_the_fleets_median_is_that_of_pandas(values: Matrix, seed: int) -> None:
    cutoff = np.random.default_rng(seed).integers(0, 4, len(values))
    told = beside_fleet(values, cutoff)
    frame = pd.DataFrame(values.astype(np.float64))
    expected = (frame - frame.groupby(cutoff).transform("median")).to_numpy()
    assert told.dtype == np.float32
    assert told == pytest.approx(expected, rel=1e-6, abs=0.13, nan_ok=True)  # float32 steps by 1/16 at 1e6
