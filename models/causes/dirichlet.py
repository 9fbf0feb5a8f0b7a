"""Shares of the causes among few failures, shrunk from level to level: fleet, hardware model, rack, node.

A hierarchical Dirichlet-multinomial: the failures of a level count as they are, and the shares of the next wider level
count as `strength` failures. A node or a rack without failures has the shares of the wider level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.causes.counts import LEVELS, CountLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features.grid import Array, Index

STRENGTHS: Final = (3.0, 10.0, 30.0, 100.0, 300.0)
LEVEL_PENALTY: Final = 3.0  # nats that a level has to save before it is used
LEAST_GAIN: Final = 0.1  # nats


@dataclass(frozen=True, slots=True)
class DirichletHierarchy:
    """The levels that are used, and how many failures the shares of the wider level count for at each."""

    strengths: Mapping[CountLevel, float]

    def shares(self, counts: Mapping[CountLevel, Array]) -> Array:
        """Return each row's probability of each cause: rows x causes."""
        shape = next(iter(counts.values())).shape
        share = np.full(shape, 1.0 / shape[1])
        for level in LEVELS:
            if level in self.strengths:
                strength, count = self.strengths[level], counts[level]
                share = (count + strength * share) / (count.sum(axis=1, keepdims=True) + strength)
        return share

    def with_strength(self, level: CountLevel, strength: float) -> DirichletHierarchy:
        """Use a level with this strength, whether it was used or not."""
        return DirichletHierarchy({**self.strengths, level: strength})


def log_losses(probabilities: Array, cause: Index) -> Array:
    """Return the log loss of each row at its cause, in nats."""
    return -np.log(probabilities[np.arange(len(cause)), cause])


def fit(counts: Mapping[CountLevel, Array], cause: Index, weight: Array) -> DirichletHierarchy:
    """Choose levels and strengths step by step, each the one that saves most, until none pays its price.

    Each row is forecast from what was known at its cutoff, so the sum of log losses is that of honest forecasts.
    """

    def loss(hierarchy: DirichletHierarchy) -> float:
        log_loss = float(np.sum(weight * log_losses(hierarchy.shares(counts), cause)))
        return log_loss + LEVEL_PENALTY * len(hierarchy.strengths)

    best, least = DirichletHierarchy({}), loss(DirichletHierarchy({}))
    while True:
        steps = [best.with_strength(level, strength) for level in counts for strength in STRENGTHS]
        losses = [loss(step) for step in steps]
        i = int(np.argmin(losses))
        if losses[i] > least - LEAST_GAIN:
            return best
        best, least = steps[i], losses[i]
