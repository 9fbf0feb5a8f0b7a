"""Decides what should be done to each node: a pure function of scores, limits and costs. It acts on nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from serving.policy.limits import FleetState, Headroom
from serving.policy.values import Decision, NodeScore, Policy, Support, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


def decide(scores: Iterable[NodeScore], fleet: FleetState, policy: Policy, now: datetime) -> tuple[Decision, ...]:
    """Decide on every scored node, the greatest expected saving per drained node-hour first.

    A drain takes the same node-hours from every node here, so that order is the order by probability. Drains
    are granted in it, which saves the most that the limits allow: fleet and rack limits form a laminar
    matroid, on which the greedy choice is the best (Edmonds 1971). Ties are broken by name, and of a node
    that was scored twice the newest score counts.
    """
    headroom = Headroom.of(fleet, policy.limits)
    ranked = sorted(_newest_each(scores), key=lambda score: (-_rank(score), score.node))
    return tuple(_decide_one(score, headroom, fleet, policy, now) for score in ranked)


def _decide_one(score: NodeScore, headroom: Headroom, fleet: FleetState, policy: Policy, now: datetime) -> Decision:
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


def _absence(node: str, fleet: FleetState) -> str | None:
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
