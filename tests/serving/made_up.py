"""A small fleet, its scores and a policy; each test changes one of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from serving.policy.costs import Costs
from serving.policy.limits import FleetState, Limits
from serving.policy.values import NodeScore, Policy, Support

if TYPE_CHECKING:
    from collections.abc import Collection

NOW = datetime(2024, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
COSTS = Costs(failure_cost_node_hours=60.0, averted_share=0.8, drain_cost_node_hours=2.0, idle_cost_node_hours=8.0)
NO_LIMITS = Limits(fleet_share=1.0, fleet_count=1_000, per_rack=1_000)
POLICY = Policy(COSTS, NO_LIMITS, stale_after=36 * HOUR)
SCORE = NodeScore("n1", 0.9, NOW, timedelta(0), Support.OK)


def scored(node: str, probability: float | None, **changed: object) -> NodeScore:
    """Return a score of a node, as of now and from data of now, with some fields changed."""
    return replace(SCORE, node=node, probability=probability, **changed)  # type: ignore[arg-type]  # dataclasses' own limit


def limited(fleet_share: float = 1.0, fleet_count: int = 1_000, per_rack: int = 1_000) -> Policy:
    """Return the policy with these limits."""
    return replace(POLICY, limits=Limits(fleet_share, fleet_count, per_rack))


def fleet(size: int, out: Collection[str] = (), rack_size: int = 4) -> FleetState:
    """Return the state of a fleet of nodes n1, n2… in racks r0, r1…"""
    return FleetState({f"n{index + 1}": f"r{index // rack_size}" for index in range(size)}, frozenset(out))
