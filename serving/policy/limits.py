"""How much of a fleet may be out at once, whatever a model says."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUNDING = 1e-9  # nodes: 0.29 of 100 nodes is 29 of them, not the 28.999… of binary fractions


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings on the nodes that are out of service together, those already out included."""

    fleet_share: float
    fleet_count: int
    per_rack: int

    def by_share(self, size: int) -> int:
        """Give the most nodes of a fleet of `size` that its share allows to be out at once.

        A share of a small fleet that is less than one node is one node; only a share of 0 allows none.
        """
        if self.fleet_share <= 0 or size <= 0:
            return 0
        return max(1, math.floor(self.fleet_share * size + ROUNDING))


@dataclass(frozen=True, slots=True)
class FleetState:
    """The nodes that are present, each with its rack (None: not known), and those of them that are out of service."""

    racks: Mapping[str, str | None]
    out: frozenset[str]


@dataclass(slots=True)
class Headroom:
    """What is left of the limits as nodes are taken out; a rack that is not known has no limit of its own."""

    limits: Limits
    size: int
    out: int
    out_by_rack: Counter[str]

    @classmethod
    def of(cls, fleet: FleetState, limits: Limits) -> Headroom:
        """Count what is out already."""
        racks = Counter(rack for node in fleet.out if (rack := fleet.racks.get(node)) is not None)
        return cls(limits, len(fleet.racks), len(fleet.out), racks)

    def refusal(self, rack: str | None) -> str | None:
        """Name the limit that one more node of a rack would break, or None."""
        limits, share = self.limits, self.limits.by_share(self.size)
        if self.out >= limits.fleet_count:
            return f"{self.out} out or to be drained, policy.limits.fleet_count allows {limits.fleet_count}"
        if self.out >= share:
            part = f"policy.limits.fleet_share {limits.fleet_share:g} of {self.size} nodes"
            return f"{self.out} out or to be drained, {part} allows {share}"
        if rack is not None and self.out_by_rack[rack] >= limits.per_rack:
            taken = f"{self.out_by_rack[rack]} of rack {rack} out or to be drained"
            return f"{taken}, policy.limits.per_rack allows {limits.per_rack}"
        return None

    def take(self, rack: str | None) -> None:
        """Count one more node out."""
        self.out += 1
        if rack is not None:
            self.out_by_rack[rack] += 1
