"""Decides what should be done to each node: a pure function of scores, limits and costs. It acts on nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from serving.limits import Headroom, Limits


class Support(StrEnum):
    """How far a score can be trusted."""

    OK = "ok"
    LOW = "low support"  # too few failures to have learned from
    UNKNOWN = "unknown"  # the node is not reporting: there is no probability


@dataclass(frozen=True, slots=True)
class NodeScore:
    """A node's probability of failing within the policy's horizon, as of `scored_at`."""

    node: str
    rack: str | None
    probability: float | None
    scored_at: datetime
    data_age: timedelta | None  # None: the fleet has no telemetry
    support: Support
    reasons: str = ""


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


@dataclass(frozen=True, slots=True)
class Policy:
    """When a drain pays, how old a score may be, and how much of the fleet may be out."""

    costs: Costs
    limits: Limits
    stale_after: timedelta


@dataclass(frozen=True, slots=True)
class Fleet:
    """How many nodes there are, and the racks of those already out of service (None: no rack known)."""

    size: int
    out: tuple[str | None, ...] = ()


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


def decide(scores: Iterable[NodeScore], fleet: Fleet, policy: Policy, now: datetime) -> tuple[Decision, ...]:
    """Decide on every scored node, the greatest expected saving first.

    Every drain costs the same node-hours here, so the order by saving per drained node-hour is the order by
    probability. Ties are broken by name, and a node that was scored twice counts by its newest score.
    """
    newest = _newest_each(scores)
    headroom = Headroom(policy.limits, fleet.size, len(fleet.out), Counter(rack for rack in fleet.out if rack))
    ranked = sorted(newest, key=lambda score: (-_chance(score), score.node))
    return tuple(_decide_one(score, headroom, policy, now) for score in ranked)


def _decide_one(score: NodeScore, headroom: Headroom, policy: Policy, now: datetime) -> Decision:
    doubt = _doubt(score, policy, now)
    if score.probability is None or math.isnan(score.probability):
        return Decision(score.node, Verdict.LEAVE, None, None, doubt or "no probability")
    saving, chance = policy.costs.saving(score.probability), f"P(failure) {score.probability:.1%}"
    if saving <= 0:
        threshold = policy.costs.threshold
        why = f"{chance}: a drain pays from {threshold:.1%}" if threshold <= 1 else f"{chance}: a drain never pays"
        return Decision(score.node, Verdict.LEAVE, score.probability, saving, why)
    if barrier := doubt or headroom.refusal(score.rack):
        return Decision(score.node, Verdict.HOLD_BACK, score.probability, saving, _with(chance, score.reasons), barrier)
    headroom.take(score.rack)
    why = f"{chance}, expected saving {saving:.1f} node-hours"
    return Decision(score.node, Verdict.DRAIN, score.probability, saving, _with(why, score.reasons))


def _doubt(score: NodeScore, policy: Policy, now: datetime) -> str | None:
    """Say why a score must not be acted on, or None."""
    if score.support is Support.UNKNOWN:
        return "the node is not reporting: its state is unknown"
    if score.support is Support.LOW:
        return "low support: too few failures to have learned from"
    if score.scored_at > now:
        return f"scored at {score.scored_at:%Y-%m-%d %H:%M} UTC, which is still to come"
    for what, age in (("the score", now - score.scored_at), ("its telemetry", score.data_age)):
        if age is not None and age > policy.stale_after:
            return f"{what} is {_hours(age)} old, policy.stale_after is {_hours(policy.stale_after)}"
    return None


def _newest_each(scores: Iterable[NodeScore]) -> Sequence[NodeScore]:
    newest: dict[str, NodeScore] = {}
    for score in sorted(scores, key=lambda one: (one.scored_at, _chance(one), one.support)):
        newest[score.node] = score
    return list(newest.values())


def _chance(score: NodeScore) -> float:
    """Give the probability for ranking; nothing known ranks last."""
    known = score.probability is not None and not math.isnan(score.probability)
    return score.probability if known and score.probability is not None else -1.0


def _hours(age: timedelta) -> str:
    return f"{age.total_seconds() / 3600:.0f} h"


def _with(why: str, reasons: str) -> str:
    return f"{why}; {reasons}" if reasons else why
