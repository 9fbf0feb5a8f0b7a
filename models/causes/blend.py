"""How sharply shares and trees speak together, so that what is said to be 62% likely comes true that often."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models.causes.dirichlet import surprise

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
SHARPNESS: Final = (1.0, 0.9, 0.8, 0.7)  # never above: what folds called too timid was too bold in the next window
TREES: Final = (0.0, 0.25, 0.5)
PRICE: Final = 3.0  # nats that a choice has to save over all folds


@dataclass(frozen=True, slots=True)
class Blend:
    """Logarithms of probabilities = sharpness x those of the shares + trees x the trees' scores, but for a constant.

    The sharpness is one over the temperature of Guo et al. (2017).
    """

    sharpness: float = 1.0
    trees: float = 0.0

    def probabilities(self, shares: Floats, scores: Floats | None) -> Floats:
        """Give each row's probability of each cause: rows x causes."""
        logs = self.sharpness * np.log(shares)
        if scores is not None:
            logs = logs + self.trees * scores
        told = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(told / told.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class HeldOutFailures:
    """A fold's failures: forecasts by a model that knew none of them, and the causes that came."""

    shares: Floats
    scores: Floats
    cause: Index
    weight: Floats  # of a failure's rows: 1 together

    def nats(self, mixing: Blend) -> float:
        """Sum the surprise at the causes."""
        return float(np.sum(self.weight * surprise(mixing.probabilities(self.shares, self.scores), self.cause)))


def fit(folds: Sequence[HeldOutFailures]) -> Blend:
    """Choose what every fold gains by, most of all the one that gains least; otherwise the shares stand as they are.

    What only some folds gain by, the next window need not.
    """
    plain = [fold.nats(Blend()) for fold in folds]
    best, most = Blend(), 0.0
    for option in (Blend(sharpness, trees) for trees, sharpness in product(TREES, SHARPNESS)):
        gains = [before - fold.nats(option) for before, fold in zip(plain, folds, strict=True)]
        if min(gains, default=0.0) > most and sum(gains) > PRICE:
            best, most = option, min(gains)
    return best
