from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.baselines.labelled_rows import LabelledRows
from models.baselines.rule import Rule, choose_rule, fit_rule
from tests.models.baselines.rows import drawn, labelled

ANY_FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)


def test_the_rule_is_the_column_and_direction_with_the_best_average_precision() -> None:
    assert choose_rule(drawn(np.random.default_rng(0))) == Rule(1, -1.0)
    assert choose_rule(labelled([[1, 5], [2, 4], [3, 6]], [0, 0, 1])) == Rule(0, 1.0)
    assert choose_rule(labelled([[1, 7], [2, 7], [3, 7]], [1, 0, 0])) == Rule(0, -1.0)


def test_the_choice_of_the_rule_is_weighted() -> None:
    features = [[3.0], [2.0], [1.0]]
    assert choose_rule(labelled(features, [0, 1, 0], [9, 1, 1])) == Rule(0, -1.0)
    assert choose_rule(labelled(features, [0, 1, 0], [1, 1, 9])) == Rule(0, 1.0)


def test_a_missing_value_is_not_taken_for_a_sign_of_failure() -> None:
    rows = labelled([[np.nan, 0], [np.nan, 0], [1, 1], [2, 0]], [1, 1, 0, 0])
    assert choose_rule(rows).column == 1


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("label", [[0, 0, 1, 1, 0, 1], [1, 1, 0, 0, 1, 0], [0] * 6, [1] * 6])
@given(st.lists(ANY_FLOAT32, min_size=2, unique=True))
@example([3.4028234663852886e38, 3.4028232635611926e38, -3.4028234663852886e38])
@example([1.0, 1.0000001192092896, 0.9999999403953552])
@example([1e-45, 0.0, -1e-45])
def test_the_rule_keeps_the_order_of_the_values_without_a_tie(
    sign: float, label: list[float], values: list[float]
) -> None:
    training = labelled([[0.0], [1.0], [2.0], [3.0], [np.nan], [1e20]], label)
    ordered = np.array(sorted(values, key=lambda value: sign * value), dtype=np.float32)
    probabilities = fit_rule(Rule(0, sign), training)(np.append(ordered, np.float32(np.nan))[:, None])
    pairs = list(pairwise(probabilities[:-1].tolist()))
    assert len(pairs) == len(values) - 1
    assert all(low < high for low, high in pairs)
    assert probabilities[-1] < probabilities[0]
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


def test_zero_is_zero_with_either_sign() -> None:
    training = labelled([[0.0], [1.0]], [0, 1])
    plus, minus = fit_rule(Rule(0, 1.0), training)(np.array([[0.0], [-0.0]], np.float32))
    assert plus == minus


def test_the_rules_probabilities_are_calibrated_on_training_data() -> None:
    training = drawn(np.random.default_rng(1), 4000)
    probabilities = fit_rule(Rule(1, -1.0), training)(training.features)
    assert probabilities.mean() == pytest.approx(training.label.mean(), rel=0.01)
    upper = probabilities > np.median(probabilities)
    assert probabilities[upper].mean() == pytest.approx(training.label[upper].mean(), rel=0.1)


def test_a_rules_probability_depends_on_its_own_row_alone() -> None:
    rows = drawn(np.random.default_rng(2))
    features = np.array([[0.3], [np.nan], [-2.0]], np.float32)
    forecast = fit_rule(Rule(0, 1.0), labelled(rows.features[:, [0]].tolist(), rows.label.tolist()))
    assert forecast(features).tolist() == [forecast(features[[row]])[0] for row in range(3)]


@pytest.mark.parametrize("values", [[[np.nan]] * 4, [[5.0]] * 4, []])
def test_a_rule_over_a_column_without_information_still_gives_probabilities(values: list[list[float]]) -> None:
    training = LabelledRows(
        np.array(values, np.float32).reshape(-1, 1), np.array([0.0, 1, 0, 0][: len(values)]), np.ones(len(values))
    )
    probabilities = fit_rule(Rule(0, 1.0), training)(np.array([[1.0], [np.nan]], np.float32))
    assert np.isfinite(probabilities).all()
    assert probabilities[1] < probabilities[0]
