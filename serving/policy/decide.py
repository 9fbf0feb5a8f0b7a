"""Decides what should be done to each node: a pure function of scores, limits and costs, which acts on nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from serving.policy.limits import FleetState, Headroom
from serving.policy.values import Decision, NodeScore, Policy, Support, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime


def decide(scores: Iterable[NodeScore], fleet: FleetState, policy: Policy, now: datetime) -> tuple[Decision, ...]:
    """Return a decision for every scored node, in order of falling expected saving per drained node-hour.

    A drain costs the same node-hours on every node, so that order is the order by probability. Drains are
    granted in it, which saves the most that the limits allow: a rack lies inside the fleet, and with limits on
    such nested groups, taking the best node that still fits is optimal (Edmonds 1971: a laminar matroid). Ties
    are broken by name. If a node was scored more than once, the newest score counts.
    """
    headroom = Headroom.of(fleet, policy.limits)
    ranked = sorted(_newest_scores(scores), key=lambda score: (-_rank(score), score.node))
    return tuple(_decide_node(score, headroom, fleet, policy, now) for score in ranked)


def _decide_node(score: NodeScore, headroom: Headroom, fleet: FleetState, policy: Policy, now: datetime) -> Decision:
    probability = score.valid_probability

    def leave(why: str, saving: float | None = None) -> Decision:
        return Decision(score.node, Verdict.LEAVE, probability, saving, why)

    doubt = _doubt(score, policy, now)
    if probability is None:
        return leave(doubt or "its score is not a probability from 0 to 1")
    if absence := _absence(score.node, fleet):
        return leave(absence)
    saving, risk = policy.costs.saving(probability), f"P(failure) {probability:.1%}"
    if saving <= 0:
        return leave(f"{risk}: {_break_even(policy.costs.threshold)}", saving)
    why = "; ".join(text for text in (f"{risk}, expected saving {saving:.1f} node-hours", score.reasons) if text)
    rack = fleet.rack_by_node[score.node]
    if limit := doubt or headroom.exceeded_limit(rack):
        return Decision(score.node, Verdict.HOLD_BACK, probability, saving, why, limit)
    headroom.reserve(rack)
    return Decision(score.node, Verdict.DRAIN, probability, saving, why)


def _absence(node: str, fleet: FleetState) -> str | None:
    """Return why there is no node in service that could be drained, or None if there is one."""
    if node in fleet.out_of_service:
        return "already out of service"
    return None if node in fleet.rack_by_node else "no longer in the fleet"


def _doubt(score: NodeScore, policy: Policy, now: datetime) -> str | None:
    """Return why a score must not be acted on, or None if it may be."""
    if score.support is Support.UNKNOWN:
        return "the node is not reporting: its state is unknown"
    if score.support is Support.LOW:
        return "low support: the score is based on too little data"
    if score.scored_at > now:
        return f"scored at {score.scored_at:%Y-%m-%d %H:%M} UTC, which is in the future"
    score_age, data_age = _hours(now - score.scored_at), _hours(score.data_age or timedelta(0))
    if data_age < 0:
        return f"its telemetry is {-data_age:.4g} h newer than its score: a clock is wrong"
    limit = _hours(policy.stale_after)
    for what, age in (("the score", score_age), ("its telemetry", score_age + data_age)):
        if age > limit:
            return f"{what} is {age:.4g} h old, policy.stale_after is {limit:.4g} h"
    return None


def _newest_scores(scores: Iterable[NodeScore]) -> list[NodeScore]:
    """Return each node's newest score."""
    newest: dict[str, NodeScore] = {}
    for score in sorted(scores, key=_precedence):
        newest[score.node] = score  # the last one in order counts
    return list(newest.values())


def _precedence(score: NodeScore) -> tuple[object, ...]:
    """Order scores by time; those of one time by doubt and then by all other fields, so that input order is irrelevant.

    Of two scores of one time, the one with less support comes last and counts, then the one whose telemetry is newer
    than the score, then the one with older data.
    """
    age = timedelta(0) if score.data_age is None else score.data_age
    is_clock_wrong = age < timedelta(0)
    has_doubt = score.support is not Support.OK
    return score.scored_at, has_doubt, score.support, is_clock_wrong, age, _rank(score), score.reasons


def _rank(score: NodeScore) -> float:
    """Return the probability to rank by; a score without one ranks last."""
    return -1.0 if score.valid_probability is None else score.valid_probability


def _break_even(threshold: float) -> str:
    return f"a drain pays from {threshold:.1%}" if threshold <= 1 else "a drain never pays"


def _hours(age: timedelta) -> float:
    return age.total_seconds() / 3600
