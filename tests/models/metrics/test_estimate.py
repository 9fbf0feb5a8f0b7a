from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from models.metrics.estimate import Estimate, divide

if TYPE_CHECKING:
    from numpy.typing import NDArray


def test_an_interval_holds_the_middle_95_percent_of_the_draws() -> None:
    assert Estimate(500.0, np.arange(1001.0)).to_json() == {"value": 500.0, "low": 25.0, "high": 975.0}


def test_draws_in_which_a_figure_is_undefined_are_left_out() -> None:
    draws = np.array([np.nan, 1.0, np.inf, 1.0, -np.inf])
    assert Estimate(1.0, draws).to_json() == {"value": 1.0, "low": 1.0, "high": 1.0}


@pytest.mark.parametrize("figure", [Estimate(None, np.ones(3)), Estimate(None), Estimate(None, np.full(3, np.nan))])
def test_an_undefined_value_has_no_interval(figure: Estimate) -> None:
    assert figure.to_json() == {"value": None, "low": None, "high": None}


def test_without_draws_there_is_a_value_and_no_interval() -> None:
    assert Estimate(0.5).to_json() == {"value": 0.5, "low": None, "high": None}


def test_a_ratio_is_taken_draw_by_draw() -> None:
    draws = np.random.default_rng(0).random(100) + 0.5
    ratio = Estimate(1.0, draws).over(Estimate(2.0, 2 * draws))
    assert ratio.to_json() == {"value": 0.5, "low": 0.5, "high": 0.5}


@pytest.mark.parametrize("denominator", [Estimate(None, np.ones(3)), Estimate(0.0, np.zeros(3))])
def test_a_ratio_to_nothing_is_undefined(denominator: Estimate) -> None:
    assert Estimate(1.0, np.ones(3)).over(denominator).to_json() == {"value": None, "low": None, "high": None}


@pytest.mark.parametrize(("numerator", "denominator"), [(None, np.ones(3)), (np.ones(3), None)])
def test_a_ratio_has_no_interval_where_one_side_has_none(
    numerator: NDArray[np.float64] | None, denominator: NDArray[np.float64] | None
) -> None:
    assert Estimate(1.0, numerator).over(Estimate(2.0, denominator)).to_json() == {
        "value": 0.5,
        "low": None,
        "high": None,
    }


def test_a_complement_turns_value_and_draws_over() -> None:
    assert Estimate(0.25, np.array([0.25, 0.5])).complement().draws == pytest.approx(np.array([0.75, 0.5]))
    assert Estimate(None).complement() == Estimate(None)


def test_dividing_by_zero_is_silent_and_not_finite() -> None:
    assert not np.isfinite(divide(np.array([0.0, 1.0]), np.zeros(2))).any()
