"""How much of a fleet may be out at once, whatever a model says."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings on the nodes that are out of service together, those already out included."""

    fleet_share: float
    fleet_count: int
    per_rack: int

    def fleet(self, size: int) -> int:
        """Give the most nodes of a fleet of `size` that may be out at once."""
        return min(self.fleet_count, math.floor(self.fleet_share * size))


@dataclass(slots=True)
class Headroom:
    """What is left of the limits as nodes are taken out."""

    limits: Limits
    fleet_size: int
    out: int
    out_by_rack: Counter[str] = field(default_factory=Counter)

    def refusal(self, rack: str | None) -> str | None:
        """Name the limit that one more node of a rack would break, or None."""
        if self.out >= self.limits.fleet_count:
            return f"{self.out} nodes are out, policy.limits.fleet_count allows {self.limits.fleet_count}"
        if self.out >= self.limits.fleet(self.fleet_size):
            share = f"policy.limits.fleet_share {self.limits.fleet_share:g} of {self.fleet_size} nodes"
            return f"{self.out} nodes are out, {share} allows {self.limits.fleet(self.fleet_size)}"
        if rack is not None and self.out_by_rack[rack] >= self.limits.per_rack:
            return (
                f"{self.out_by_rack[rack]} of {rack} are out, policy.limits.per_rack allows {self.limits.per_rack}"
            )
        return None

    def take(self, rack: str | None) -> None:
        """Count one more node out."""
        self.out += 1
        if rack is not None:
            self.out_by_rack[rack] += 1
