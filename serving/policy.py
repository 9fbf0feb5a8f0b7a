"""Decides what should be done to each node: a pure function of scores, limits and costs. It acts on nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from serving.limits import Fleet, Headroom, Limits

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


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
    """Decide on every scored node, the greatest expected saving per drained node-hour first.

    A drain takes the same node-hours from every node here, so that order is the order by probability. Drains
    are granted in it, which saves the most that the limits allow: fleet and rack limits form a laminar
    matroid, on which the greedy choice is the best (Edmonds 1971). Ties are broken by name, and of a node
    that was scored twice the newest score counts.
    """
    headroom = Headroom.of(fleet, policy.limits)
    ranked = sorted(_newest_each(scores), key=lambda score: (-_rank(score), score.node))
    return tuple(_decide_one(score, headroom, fleet, policy, now) for score in ranked)


def _decide_one(score: NodeScore, headroom: Headroom, fleet: Fleet, policy: Policy, now: datetime) -> Decision:
    def leave(why: str, saving: float | None = None) -> Decision:
        return Decision(score.node, Verdict.LEAVE, score.chance, saving, why)

    doubt = _doubt(score, policy, now)
    if score.chance is None:
        return leave(doubt or "it has no probability from 0 to 1")
    if absent := _absence(score.node, fleet):
        return leave(absent)
    saving, chance = policy.costs.saving(score.chance), f"P(failure) {score.chance:.1%}"
    if saving <= 0:
        return leave(f"{chance}: {_pays(policy.costs.threshold)}", saving)
    why = "; ".join(part for part in (f"{chance}, expected saving {saving:.1f} node-hours", score.reasons) if part)
    rack = fleet.racks[score.node]
    if barrier := doubt or headroom.refusal(rack):
        return Decision(score.node, Verdict.HOLD_BACK, score.chance, saving, why, barrier)
    headroom.take(rack)
    return Decision(score.node, Verdict.DRAIN, score.chance, saving, why)


def _absence(node: str, fleet: Fleet) -> str | None:
    """Say why there is nothing to drain, or None."""
    if node in fleet.out:
        return "already out of service"
    return None if node in fleet.racks else "no longer in the fleet"


def _doubt(score: NodeScore, policy: Policy, now: datetime) -> str | None:
    """Say why a score must not be acted on, or None."""
    if score.support is Support.UNKNOWN:
        return "the node is not reporting: its state is unknown"
    if score.support is Support.LOW:
        return "low support: too little to have learned from"
    if score.scored_at > now:
        return f"scored at {score.scored_at:%Y-%m-%d %H:%M} UTC, which is still to come"
    age, data_age = _hours(now - score.scored_at), _hours(score.data_age or timedelta(0))
    if data_age < 0:
        return f"its telemetry is {-data_age:.4g} h newer than its score: a clock is wrong"
    limit = _hours(policy.stale_after)
    for what, old in (("the score", age), ("its telemetry", age + data_age)):
        if old > limit:
            return f"{what} is {old:.4g} h old, policy.stale_after is {limit:.4g} h"
    return None


def _newest_each(scores: Iterable[NodeScore]) -> list[NodeScore]:
    """Keep each node's newest score; of several at one time, one that does not depend on their order."""
    newest: dict[str, NodeScore] = {}
    for score in sorted(scores, key=_order):
        newest[score.node] = score
    return list(newest.values())


def _order(score: NodeScore) -> tuple[object, ...]:
    age = timedelta(0) if score.data_age is None else score.data_age
    return score.scored_at, score.support is not Support.OK, score.support, age, _rank(score), score.reasons


def _rank(score: NodeScore) -> float:
    """Give the probability for ranking; nothing known ranks last."""
    return -1.0 if score.chance is None else score.chance


def _pays(threshold: float) -> str:
    return f"a drain pays from {threshold:.1%}" if threshold <= 1 else "a drain never pays"


def _hours(age: timedelta) -> float:
    return age.total_seconds() / 3600
