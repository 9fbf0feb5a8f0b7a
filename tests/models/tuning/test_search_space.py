from dataclasses import replace

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from models.setup import Params
from models.tuning.search_space import changed, differences, given, space, tidy

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


def holds(distribution: BaseDistribution, value: float) -> bool:
    return distribution._contains(distribution.to_internal_repr(value))


@drawn(PARAMS)
def test_todays_settings_are_in_the_space_wherever_they_are(params: Params) -> None:
    assert set(space(params)) == set(given(params))
    assert all(holds(space(params)[name], value) for name, value in given(params).items())


@drawn(PARAMS)
def test_todays_settings_narrow_no_range(params: Params) -> None:
    for name, usual in space(Params()).items():
        own = space(params)[name]
        if isinstance(usual, CategoricalDistribution):
            assert isinstance(own, CategoricalDistribution)
            assert set(usual.choices) - {Params().half_life_days} <= set(own.choices)
        else:
            assert isinstance(usual, IntDistribution | FloatDistribution)
            assert holds(own, usual.low)
            assert holds(own, usual.high)


@drawn(PARAMS, PARAMS)
def test_what_is_recommended_is_what_was_tried(params: Params, other: Params) -> None:
    tried = changed(params, given(other))
    assert changed(params, differences(params, tried)) == tried


@drawn(PARAMS)
def test_todays_settings_are_not_even_rounded(params: Params) -> None:
    assert changed(params, given(params)) == params
    assert differences(params, params) == {}


@pytest.mark.parametrize(("value", "told"), [(0.0512345, 0.0512), (98.765, 98.8), (3650.0, 3650.0), (12_345, 12_345)])
def test_settings_are_short_enough_to_paste(value: float, told: float) -> None:
    assert tidy(value) == told
    assert isinstance(tidy(value), type(value))


def test_without_l2_its_range_begins_at_none() -> None:
    own = space(replace(Params(), l2=0.0))["l2"]
    assert isinstance(own, FloatDistribution)
    assert (own.low, own.log) == (0.0, False)
