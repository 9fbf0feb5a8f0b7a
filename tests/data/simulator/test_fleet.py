from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data.schema import NODE, TS
from data.simulator.fleet import MAX_BLOCK_NODES, NodeBlock, block_size, simulate
from tests.data.simulator.plans import START, histories, plan

if TYPE_CHECKING:
    from data.simulator.history.plan import SimulationPlan

SMALL = plan(nodes=25, days=6, interval=timedelta(hours=3))


@cache
def simulated(fleet: SimulationPlan, block_nodes: int | None = None) -> NodeBlock:
    blocks = list(simulate(fleet, block_nodes))
    return NodeBlock(*(pl.concat([getattr(block, field.name) for block in blocks]) for field in fields(NodeBlock)))


def assert_same(left: NodeBlock, right: NodeBlock) -> None:
    for field in fields(NodeBlock):
        assert_frame_equal(getattr(left, field.name), getattr(right, field.name))


@pytest.mark.parametrize("block_nodes", [1, 7, 20, 1000])
def test_a_fleet_is_the_same_in_blocks_of_any_size(block_nodes: int) -> None:
    assert_same(simulated(SMALL, block_nodes), simulated(SMALL))


def test_a_node_is_the_same_in_a_fleet_of_any_size() -> None:
    larger = simulated(plan(nodes=30, days=6, interval=timedelta(hours=3)))
    names = simulated(SMALL).nodes[NODE]
    assert names.len() == 25
    for field in fields(NodeBlock):
        shared = getattr(larger, field.name).filter(pl.col(NODE).is_in(names.implode()))
        assert_frame_equal(shared, getattr(simulated(SMALL), field.name))


def test_another_seed_gives_another_fleet() -> None:
    other = plan(nodes=25, days=6, seed=2, interval=timedelta(hours=3))
    assert not simulated(other).telemetry.equals(simulated(SMALL).telemetry)


def test_ten_nodes_for_two_days_are_a_fleet() -> None:
    fleet = simulated(plan(nodes=10, days=2))
    assert fleet.nodes.height == 10
    assert fleet.telemetry.height == pytest.approx(10 * 48, rel=0.2)
    assert fleet.jobs.height > 10


def test_one_node_for_one_day_is_a_fleet() -> None:
    assert simulated(plan(nodes=1, days=1, interval=timedelta(days=1))).nodes.height == 1


def test_histories_are_those_of_the_fleet() -> None:
    events, nodes = (pl.concat(tables) for tables in zip(*histories(SMALL), strict=True))
    assert_frame_equal(events, simulated(SMALL).events)
    assert_frame_equal(nodes, simulated(SMALL).nodes)


def test_the_more_samples_a_node_has_the_fewer_nodes_are_in_a_block() -> None:
    assert block_size(plan(nodes=10, days=1)) == MAX_BLOCK_NODES
    assert block_size(plan(days=180)) < MAX_BLOCK_NODES
    assert block_size(plan(days=3650, interval=timedelta(minutes=1))) == 1


def test_a_node_has_no_telemetry_while_it_is_down() -> None:
    fleet = simulated(plan(nodes=80, days=30))
    downtimes = fleet.events.with_columns(pl.col("end").fill_null(START + timedelta(days=30)))
    during = fleet.telemetry.join(downtimes.select(NODE, "start", "end"), on=NODE).filter(
        pl.col(TS).is_between("start", "end", closed="left")
    )
    assert downtimes.height > 5
    assert during.height == 0
