"""The input and output of the policy: scores, the policy itself, verdicts and decisions; values only."""

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
    LOW = "low support"  # the model was trained on too few failures, or too little is known about the node
    UNKNOWN = "unknown"  # the node is not reporting: it has no probability


@dataclass(frozen=True, slots=True)
class NodeScore:
    """A node's probability of failure within the policy's horizon, as of `scored_at`."""

    node: str
    probability: float | None
    scored_at: datetime
    data_age: timedelta | None  # at `scored_at`; None: no telemetry, or only telemetry that is sent on change
    support: Support
    reasons: str = ""

    @property
    def valid_probability(self) -> float | None:
        """The probability if it is a number from 0 to 1, else None."""
        return self.probability if self.probability is not None and 0 <= self.probability <= 1 else None


@dataclass(frozen=True, slots=True)
class Policy:
    """When a drain pays, how old a score may be, and how much of the fleet may be out of service."""

    costs: Costs
    limits: Limits
    stale_after: timedelta


class Verdict(StrEnum):
    """What should be done to a node."""

    DRAIN = "drain"
    HOLD_BACK = "hold back"  # a drain would pay, but a doubt or a limit forbids it
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Decision:
    """What should be done to one node, and why."""

    node: str
    verdict: Verdict
    probability: float | None
    expected_saving: float | None  # node-hours
    reason: str
    limit: str | None = None  # the doubt or the limit that forbids a drain
