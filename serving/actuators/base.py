"""What an actuator is asked to do: a decision to drain, made an order that can be carried out once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from serving.policy.values import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from serving.policy.values import Decision


@dataclass(frozen=True, slots=True)
class Order:
    """One node to drain; the node and the time of the decision name the order."""

    node: str
    decided_at: datetime
    reason: str


class Actuator(Protocol):
    """Brings orders to a scheduler."""

    def drain(self, order: Order) -> bool:
        """Carry an order out; False if it was carried out before, which changes nothing."""
        ...


def carry_out(decisions: Iterable[Decision], decided_at: datetime, actuator: Actuator) -> tuple[Order, ...]:
    """Order every drain, and give the orders that had not been carried out before."""
    orders = [Order(one.node, decided_at, one.reason) for one in decisions if one.verdict is Verdict.DRAIN]
    return tuple(order for order in orders if actuator.drain(order))
