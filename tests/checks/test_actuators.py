"""The contract of every actuator; a new actuator is added by a line in ACTUATORS."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from serving.actuators.base import DrainOrder
from serving.actuators.dry_run import DryRun
from tests.serving.made_up import HOUR, NOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from serving.actuators.base import Actuator

ORDER = DrainOrder("n1", NOW, "P(failure) 90.0%")

ACTUATORS: dict[str, Callable[[Path], Actuator]] = {
    "dry run": lambda folder: DryRun(folder / "dry_run.jsonl"),
}


@pytest.fixture(params=list(ACTUATORS.values()), ids=list(ACTUATORS))
def actuator(request: pytest.FixtureRequest, tmp_path: Path) -> Actuator:
    actuator: Actuator = request.param(tmp_path)
    return actuator


def test_a_new_order_is_carried_out(actuator: Actuator) -> None:
    assert actuator.drain(ORDER)


def test_an_order_is_carried_out_once(actuator: Actuator) -> None:
    actuator.drain(ORDER)
    assert not actuator.drain(ORDER)


def test_an_order_with_another_reason_is_the_same_order(actuator: Actuator) -> None:
    actuator.drain(ORDER)
    assert not actuator.drain(replace(ORDER, reason="hot"))


def test_a_time_in_another_zone_is_the_same_order(actuator: Actuator) -> None:
    actuator.drain(ORDER)
    assert not actuator.drain(replace(ORDER, decided_at=NOW.astimezone(timezone(timedelta(hours=9)))))


@pytest.mark.parametrize("order", [replace(ORDER, node="n2"), replace(ORDER, decided_at=NOW + HOUR)])
def test_another_node_or_decision_is_another_order(actuator: Actuator, order: DrainOrder) -> None:
    actuator.drain(ORDER)
    assert actuator.drain(order)


def test_orders_need_not_come_in_the_order_of_their_times(actuator: Actuator) -> None:
    later = replace(ORDER, decided_at=NOW + HOUR)
    assert [actuator.drain(order) for order in (later, ORDER, later)] == [True, True, False]


@pytest.mark.parametrize("name", ["node with spaces", 'n"1', "n\n1", "nœud", "../n1", "n1.cluster.example:9100"])
def test_any_node_name_makes_an_order(actuator: Actuator, name: str) -> None:
    order = replace(ORDER, node=name)
    assert [actuator.drain(order), actuator.drain(order)] == [True, False]
