"""Combines the shares and the trees into calibrated probabilities: of causes given 62%, 62% are right."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np

from models.causes.dirichlet import log_losses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.grid import Array, Index

SHARPNESS: Final = (1.0, 0.9, 0.8, 0.7)  # never above 1: what looked too flat on the folds was too sharp afterwards
TREE_WEIGHTS: Final = (0.0, 0.25, 0.5)
MIN_TOTAL_GAIN: Final = 3.0  # nats that a choice has to save over all folds


@dataclass(frozen=True, slots=True)
class Blend:
    """Log of the probabilities = sharpness x log of the shares + tree weight x the trees' scores, up to a constant.

    The sharpness is one over the temperature of Guo et al. (2017).
    """

    sharpness: float = 1.0
    tree_weight: float = 0.0

    def probabilities(self, shares: Array, scores: Array | None) -> Array:
        """Return each row's probability of each cause: rows x causes."""
        logs = self.sharpness * np.log(shares)
        if scores is not None:
            logs = logs + self.tree_weight * scores
        relative = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(relative / relative.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class HeldOutFailures:
    """The rows of a fold, forecast by a model that was fitted without them, and the causes of their failures."""

    shares: Array
    scores: Array
    cause: Index
    weight: Array  # the rows of a failure weigh 1 together

    def log_loss(self, blend: Blend) -> float:
        """Sum the log losses at the causes, in nats."""
        return float(np.sum(self.weight * log_losses(blend.probabilities(self.shares, self.scores), self.cause)))


def fit(folds: Sequence[HeldOutFailures]) -> Blend:
    """Choose the blend that lowers the loss of every fold, that of the least-gaining fold the most.

    A gain on some folds only need not recur in the next window; then the shares are used as they are.
    """
    plain = [fold.log_loss(Blend()) for fold in folds]
    best, most = Blend(), 0.0
    for blend in (Blend(sharpness, weight) for weight, sharpness in product(TREE_WEIGHTS, SHARPNESS)):
        gains = [before - fold.log_loss(blend) for before, fold in zip(plain, folds, strict=True)]
        if min(gains, default=0.0) > most and sum(gains) > MIN_TOTAL_GAIN:
            best, most = blend, min(gains)
    return best
