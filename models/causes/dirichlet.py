"""Shares of the causes among few failures, shrunk from level to level: fleet, hardware model, rack, node.

A hierarchical Dirichlet-multinomial: what is known at a level is worth its failures, what the wider level says is
worth `strength` failures. A node or a rack without any says what the wider level does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models.causes.counts import LEVELS, CountLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

Floats = NDArray[np.float64]
Index = NDArray[np.int64]
STRENGTHS: Final = (3.0, 10.0, 30.0, 100.0, 300.0)
PRICE: Final = 3.0  # nats that a level has to save before it is used
LEAST_GAIN: Final = 0.1  # nats


@dataclass(frozen=True, slots=True)
class DirichletHierarchy:
    """The levels that are used, from the widest on, and how many failures the one before is worth at each."""

    strengths: Mapping[CountLevel, float]

    def shares(self, counts: Mapping[CountLevel, Floats]) -> Floats:
        """Give each row's probability of each cause: rows x causes."""
        some = next(iter(counts.values()))
        share = np.full(some.shape, 1.0 / some.shape[1])
        for level in LEVELS:
            if level in self.strengths:
                strength, seen = self.strengths[level], counts[level]
                share = (seen + strength * share) / (seen.sum(axis=1, keepdims=True) + strength)
        return share

    def with_strength(self, level: CountLevel, strength: float) -> DirichletHierarchy:
        """Use a level, or use it otherwise."""
        return DirichletHierarchy({**self.strengths, level: strength})


def surprise(shares: Floats, cause: Index) -> Floats:
    """Give each row's surprise at the cause that came, in nats."""
    return -np.log(shares[np.arange(len(cause)), cause])


def fit(counts: Mapping[CountLevel, Floats], cause: Index, weight: Floats) -> DirichletHierarchy:
    """Choose levels and strengths step by step, each the one that saves most, until none pays its price.

    Each row is forecast from what was known at its cutoff, so the sum of surprises is that of honest forecasts.
    """

    def loss(one: DirichletHierarchy) -> float:
        return float(np.sum(weight * surprise(one.shares(counts), cause))) + PRICE * len(one.strengths)

    best, least = DirichletHierarchy({}), loss(DirichletHierarchy({}))
    while True:
        steps = [best.with_strength(level, strength) for level in counts for strength in STRENGTHS]
        losses = [loss(step) for step in steps]
        at = int(np.argmin(losses))
        if losses[at] > least - LEAST_GAIN:
            return best
        best, least = steps[at], losses[at]
