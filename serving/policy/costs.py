"""What a failure, a drain and an idle node cost, and from which probability on a drain pays."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Costs:
    """What a failure, a drain and an idle node cost, in node-hours."""

    failure: float
    averted_share: float
    drain: float
    idle: float

    def saving(self, probability: float) -> float:
        """Give what a drain now is expected to save: may be negative.

        P(failure) x share averted x failure - drain - P(no failure) x idle.
        """
        return probability * self.averted_share * self.failure - self.drain - (1 - probability) * self.idle

    @property
    def threshold(self) -> float:
        """Give the probability above which a drain pays; infinite where it never does."""
        gain = self.averted_share * self.failure + self.idle
        return (self.drain + self.idle) / gain if gain > 0 else math.inf
