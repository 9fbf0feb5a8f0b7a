"""Limits on how many nodes may be out of service at once, whatever a model forecasts."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUNDING = 1e-9  # nodes: 0.29 of 100 nodes is 29 nodes, not 28.999… as in binary fractions


@dataclass(frozen=True, slots=True)
class Limits:
    """The most nodes that may be out of service at once, including those that are out already."""

    fleet_share: float
    fleet_count: int
    per_rack: int

    def allowed_by_share(self, fleet_size: int) -> int:
        """Return how many nodes of a fleet `fleet_share` allows to be out of service at once.

        Where the share amounts to less than one node it allows one node; only a share of 0 allows none.
        """
        if self.fleet_share <= 0 or fleet_size <= 0:
            return 0
        return max(1, math.floor(self.fleet_share * fleet_size + ROUNDING))


@dataclass(frozen=True, slots=True)
class FleetState:
    """The nodes that are present, each with its rack (None: unknown), and the nodes that are out of service."""

    rack_by_node: Mapping[str, str | None]
    out_of_service: frozenset[str]


@dataclass(slots=True)
class Headroom:
    """What the limits still allow while drains are granted; nodes without a known rack have no rack limit."""

    limits: Limits
    fleet_size: int
    out: int  # nodes that are out of service or to be drained
    out_by_rack: Counter[str]

    @classmethod
    def of(cls, fleet: FleetState, limits: Limits) -> Headroom:
        """Start from the nodes that are out of service already."""
        racks = (fleet.rack_by_node.get(node) for node in fleet.out_of_service)
        out_by_rack = Counter(rack for rack in racks if rack is not None)
        return cls(limits, len(fleet.rack_by_node), len(fleet.out_of_service), out_by_rack)

    def exceeded_limit(self, rack: str | None) -> str | None:
        """Describe the limit that draining one more node of a rack would exceed, or return None."""
        limits, by_share = self.limits, self.limits.allowed_by_share(self.fleet_size)
        if self.out >= limits.fleet_count:
            return f"{self.out} out of service or to be drained, policy.limits.fleet_count allows {limits.fleet_count}"
        if self.out >= by_share:
            share = f"policy.limits.fleet_share {limits.fleet_share:g} of {self.fleet_size} nodes"
            return f"{self.out} out of service or to be drained, {share} allows {by_share}"
        if rack is not None and self.out_by_rack[rack] >= limits.per_rack:
            out = f"{self.out_by_rack[rack]} of rack {rack} out of service or to be drained"
            return f"{out}, policy.limits.per_rack allows {limits.per_rack}"
        return None

    def reserve(self, rack: str | None) -> None:
        """Count one more node of a rack as out."""
        self.out += 1
        if rack is not None:
            self.out_by_rack[rack] += 1
