from __future__ import annotations

from dataclasses import dataclass, field

from serving.actuators.base import DrainOrder, carry_out
from serving.policy.values import Decision, Verdict
from tests.serving.made_up import HOUR, NOW


@dataclass(frozen=True, slots=True)
class Scheduler:
    """An actuator that keeps the orders in memory."""

    drained: set[DrainOrder] = field(default_factory=set)

    def drain(self, order: DrainOrder) -> bool:
        is_new = order not in self.drained
        self.drained.add(order)
        return is_new


DECISIONS = [
    Decision("n1", Verdict.DRAIN, 0.9, 30.0, "hot"),
    Decision("n2", Verdict.HOLD_BACK, 0.9, 30.0, "hot", "a limit"),
    Decision("n3", Verdict.LEAVE, 0.1, -5.0, "cold"),
]


def test_only_decisions_to_drain_become_orders() -> None:
    scheduler = Scheduler()
    assert carry_out(DECISIONS, NOW, scheduler) == (DrainOrder("n1", NOW, "hot"),)
    assert scheduler.drained == {DrainOrder("n1", NOW, "hot")}


def test_an_order_that_was_carried_out_before_is_not_returned_again() -> None:
    scheduler = Scheduler()
    carry_out(DECISIONS, NOW, scheduler)
    assert carry_out(DECISIONS, NOW, scheduler) == ()
    assert len(carry_out(DECISIONS, NOW + HOUR, scheduler)) == 1


def test_no_decisions_give_no_orders() -> None:
    assert carry_out([], NOW, Scheduler()) == ()
