"""The contract of actuators: decisions to drain become orders, each of which is carried out once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from serving.policy.values import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from serving.policy.values import Decision


@dataclass(frozen=True, slots=True)
class DrainOrder:
    """One node to drain; the node and the time of the decision identify the order."""

    node: str
    decided_at: datetime
    reason: str


class Actuator(Protocol):
    """Carries out orders at a scheduler."""

    def drain(self, order: DrainOrder) -> bool:
        """Drain a node; return False and change nothing if the order was carried out before."""
        ...


def carry_out(decisions: Iterable[Decision], decided_at: datetime, actuator: Actuator) -> tuple[DrainOrder, ...]:
    """Carry out every decision to drain; return the orders that had not been carried out before."""
    drains = [decision for decision in decisions if decision.verdict is Verdict.DRAIN]
    orders = [DrainOrder(decision.node, decided_at, decision.reason) for decision in drains]
    return tuple(order for order in orders if actuator.drain(order))
