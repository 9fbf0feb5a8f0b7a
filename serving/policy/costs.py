"""What a failure, a drain and an idle node cost, and from which probability on a drain pays."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Costs:
    """What a failure, a drain and an idle node cost, in node-hours."""

    failure_cost_node_hours: float
    averted_share: float
    drain_cost_node_hours: float
    idle_cost_node_hours: float

    def saving(self, probability: float) -> float:
        """Give what a drain now is expected to save: may be negative.

        P(failure) x share averted x failure - drain - P(no failure) x idle.
        """
        averted = probability * self.averted_share * self.failure_cost_node_hours
        return averted - self.drain_cost_node_hours - (1 - probability) * self.idle_cost_node_hours

    @property
    def threshold(self) -> float:
        """Give the probability above which a drain pays; infinite where it never does."""
        gain = self.averted_share * self.failure_cost_node_hours + self.idle_cost_node_hours
        return (self.drain_cost_node_hours + self.idle_cost_node_hours) / gain if gain > 0 else math.inf
