"""What the policy is given and what it gives: scores, verdicts and decisions; values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from serving.policy.costs import Costs
    from serving.policy.limits import Limits


class Support(StrEnum):
    """How far a score can be trusted."""

    OK = "ok"
    LOW = "low support"  # too few failures to have learned from, or too little known of the node
    UNKNOWN = "unknown"  # the node is not reporting: there is no probability


@dataclass(frozen=True, slots=True)
class NodeScore:
    """A node's probability of failing within the policy's horizon, as of `scored_at`."""

    node: str
    probability: float | None
    scored_at: datetime
    data_age: timedelta | None  # when it was scored; None: no telemetry, or one that tells only of changes
    support: Support
    reasons: str = ""

    @property
    def chance(self) -> float | None:
        """The probability if it is one, from 0 to 1."""
        return self.probability if self.probability is not None and 0 <= self.probability <= 1 else None


@dataclass(frozen=True, slots=True)
class Policy:
    """When a drain pays, how old a score may be, and how much of the fleet may be out."""

    costs: Costs
    limits: Limits
    stale_after: timedelta


class Verdict(StrEnum):
    """What should be done to a node."""

    DRAIN = "drain"
    HOLD_BACK = "hold back"  # a drain would pay, but something forbids it
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Decision:
    """What should be done to one node, and why; a value, not an effect."""

    node: str
    verdict: Verdict
    probability: float | None
    expected_saving: float | None  # node-hours
    reason: str
    limit: str | None = None  # what held a drain back
