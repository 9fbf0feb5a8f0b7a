from __future__ import annotations

import numpy as np
import pytest

from models.causes.blend import Blend, HeldOutFailures, fit
from models.causes.least_probability import NEVER, least_probability


def fold_of(rng: np.random.Generator, *, score: float, count: int = 200) -> HeldOutFailures:
    """Forecast two causes with even shares and trees that add a score for the right one."""
    cause = rng.integers(0, 2, count)
    return HeldOutFailures(np.full((count, 2), 0.5), score * np.eye(2)[cause], cause, np.ones(count))


def test_without_trees_and_temperature_the_shares_are_kept() -> None:
    shares = np.array([[0.7, 0.2, 0.1]])
    assert Blend().probabilities(shares, np.ones((1, 3))) == pytest.approx(shares)


def test_a_temperature_flattens_and_keeps_the_order() -> None:
    flattened = Blend(sharpness=0.5).probabilities(np.array([[0.64, 0.36]]), None)
    assert flattened == pytest.approx(np.array([[0.8 / 1.4, 0.6 / 1.4]]))


def test_trees_are_used_where_every_fold_gains_by_them() -> None:
    rng = np.random.default_rng(1)
    assert fit([fold_of(rng, score=1.0) for _ in range(3)]).tree_weight > 0


def test_one_fold_that_loses_by_the_trees_leaves_them_out() -> None:
    rng = np.random.default_rng(1)
    assert fit([fold_of(rng, score=2.0), fold_of(rng, score=-0.5)]) == Blend()


def test_without_folds_the_shares_are_kept() -> None:
    assert fit([]) == Blend()


def test_shares_that_were_too_sharp_everywhere_are_flattened() -> None:
    cause = np.arange(300) % 2  # right half of the time, whatever the shares say
    sharp = HeldOutFailures(np.tile([0.95, 0.05], (300, 1)), np.zeros((300, 2)), cause, np.ones(300))
    assert fit([sharp, sharp]).sharpness < 1


@pytest.mark.parametrize(("right", "expected"), [(0.9, 0.5), (0.3, NEVER)])
def test_causes_are_given_where_they_were_right(right: float, expected: float) -> None:
    cause = (np.arange(100) >= 100 * right).astype(np.int64)
    fold = HeldOutFailures(np.tile([0.8, 0.2], (100, 1)), np.zeros((100, 2)), cause, np.ones(100))
    assert least_probability([fold], Blend(), 0.5) == expected


def test_a_probability_at_which_causes_were_wrong_is_skipped_for_a_higher_one() -> None:
    shares = np.concatenate([np.tile([0.52, 0.48], (100, 1)), np.tile([0.9, 0.1], (100, 1))])
    cause = np.concatenate([np.ones(90), np.zeros(110)]).astype(np.int64)
    least = least_probability([HeldOutFailures(shares, np.zeros((200, 2)), cause, np.ones(200))], Blend(), 0.55)
    assert 0.55 <= least <= 0.9
