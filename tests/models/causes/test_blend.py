from __future__ import annotations

import numpy as np
import pytest

from models.causes.blend import Blend, HeldOutFailures, fit
from models.causes.least_probability import NEVER, least_probability


def fold_of(rng: np.random.Generator, *, told: float, count: int = 200) -> HeldOutFailures:
    """Forecast two causes with even shares and trees that add `told` for the right one."""
    cause = rng.integers(0, 2, count)
    return HeldOutFailures(np.full((count, 2), 0.5), told * np.eye(2)[cause], cause, np.ones(count))


def test_without_trees_and_temperature_the_shares_stand() -> None:
    shares = np.array([[0.7, 0.2, 0.1]])
    assert Blend().probabilities(shares, np.ones((1, 3))) == pytest.approx(shares)


def test_a_temperature_flattens_and_keeps_the_order() -> None:
    told = Blend(sharpness=0.5).probabilities(np.array([[0.64, 0.36]]), None)
    assert told == pytest.approx(np.array([[0.8 / 1.4, 0.6 / 1.4]]))


def test_trees_are_heard_where_every_fold_gains_by_them() -> None:
    rng = np.random.default_rng(1)
    assert fit([fold_of(rng, told=1.0) for _ in range(3)]).trees > 0


def test_one_fold_that_loses_by_the_trees_silences_them() -> None:
    rng = np.random.default_rng(1)
    assert fit([fold_of(rng, told=2.0), fold_of(rng, told=-0.5)]) == Blend()


def test_without_folds_the_shares_stand() -> None:
    assert fit([]) == Blend()


def test_shares_that_were_too_bold_everywhere_are_tempered() -> None:
    cause = np.arange(300) % 2  # right half of the time, whatever the shares say
    bold = HeldOutFailures(np.tile([0.95, 0.05], (300, 1)), np.zeros((300, 2)), cause, np.ones(300))
    assert fit([bold, bold]).sharpness < 1


@pytest.mark.parametrize(("right", "expected"), [(0.9, 0.5), (0.3, NEVER)])
def test_answers_are_given_where_they_were_right(right: float, expected: float) -> None:
    cause = (np.arange(100) >= 100 * right).astype(np.int64)
    fold = HeldOutFailures(np.tile([0.8, 0.2], (100, 1)), np.zeros((100, 2)), cause, np.ones(100))
    assert least_probability([fold], Blend(), 0.5) == expected


def test_a_probability_that_did_not_hold_is_passed_over_for_a_higher_one() -> None:
    shares = np.concatenate([np.tile([0.52, 0.48], (100, 1)), np.tile([0.9, 0.1], (100, 1))])
    cause = np.concatenate([np.ones(90), np.zeros(110)]).astype(np.int64)
    least = least_probability([HeldOutFailures(shares, np.zeros((200, 2)), cause, np.ones(200))], Blend(), 0.55)
    assert 0.55 <= least <= 0.9
