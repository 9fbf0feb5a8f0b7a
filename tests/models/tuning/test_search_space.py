from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from models.setup import Params
from models.tuning.search_space import differences, rounded, search_space, tuned_values, with_values

PARAMS = st.builds(
    Params,
    trees=st.integers(1, 5_000),
    leaves=st.integers(2, 500),
    learning_rate=st.floats(1e-4, 1),
    min_child=st.integers(1, 5_000),
    feature_share=st.floats(0.01, 1),
    row_share=st.floats(0.01, 1),
    l2=st.floats(0, 1e4),
    trees_share=st.floats(0.01, 1),
    half_life_days=st.floats(1, 1e5),
    bins=st.integers(2, 4095),
)


SET = Params(trees_share=0.65)


def contains(distribution: BaseDistribution, value: float) -> bool:
    return distribution._contains(distribution.to_internal_repr(value))


@given(PARAMS)
def test_todays_settings_are_in_the_space_wherever_they_are(params: Params) -> None:
    space, values = search_space(params), tuned_values(params)
    assert set(space) == set(values) == set(search_space(SET))
    assert [name for name, value in values.items() if not contains(space[name], value)] == []


@given(PARAMS)
def test_todays_settings_narrow_no_range(params: Params) -> None:
    usual, extended = search_space(SET), search_space(params)
    assert len(usual) == 10
    for name, distribution in usual.items():
        if isinstance(distribution, CategoricalDistribution):
            widened = extended[name]
            assert isinstance(widened, CategoricalDistribution)
            assert set(distribution.choices) - {Params().half_life_days} <= set(widened.choices)
        else:
            assert isinstance(distribution, IntDistribution | FloatDistribution)
            assert contains(extended[name], distribution.low)
            assert contains(extended[name], distribution.high)


def test_a_share_of_the_trees_that_training_chooses_is_not_tuned() -> None:
    assert set(search_space(SET)) - set(search_space(Params(trees_share=0.0))) == {"trees_share"}


@given(PARAMS, PARAMS)
def test_what_is_recommended_is_what_was_tried(params: Params, proposed: Params) -> None:
    tried = with_values(params, tuned_values(proposed))
    assert with_values(params, differences(params, tried)) == tried


@given(PARAMS)
def test_todays_settings_are_not_even_rounded(params: Params) -> None:
    assert with_values(params, tuned_values(params)) == params
    assert differences(params, params) == {}


@pytest.mark.parametrize(
    ("value", "expected"), [(0.0512345, 0.0512), (98.765, 98.8), (3650.0, 3650.0), (12_345, 12_345)]
)
def test_settings_are_short_enough_to_paste(value: float, expected: float) -> None:
    assert rounded(value) == expected
    assert isinstance(rounded(value), type(value))


def test_without_l2_its_range_begins_at_zero() -> None:
    l2 = search_space(replace(Params(), l2=0.0))["l2"]
    assert isinstance(l2, FloatDistribution)
    assert (l2.low, l2.log) == (0.0, False)
