"""The costs of a failure, a drain and an idle node, and the probability from which a drain pays."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of a failure, a drain and a node that is drained without need."""

    failure_cost_node_hours: float
    averted_share: float  # share of a failure's cost that a drain averts
    drain_cost_node_hours: float
    idle_cost_node_hours: float

    def saving(self, probability: float) -> float:
        """Return the expected saving of a drain now, in node-hours; it may be negative.

        P(failure) x share averted x failure - drain - P(no failure) x idle.
        """
        averted = probability * self.averted_share * self.failure_cost_node_hours
        return averted - self.drain_cost_node_hours - (1 - probability) * self.idle_cost_node_hours

    @property
    def threshold(self) -> float:
        """Return the probability above which a drain pays; infinite if it never does."""
        gain = self.averted_share * self.failure_cost_node_hours + self.idle_cost_node_hours
        return (self.drain_cost_node_hours + self.idle_cost_node_hours) / gain if gain > 0 else math.inf
