"""Small simulation plans, and the lives of their nodes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from data.simulator.history import records
from data.simulator.history.layout import Node, draw_node
from data.simulator.history.node_life import NodeLife, simulate_life
from data.simulator.history.plan import NODES_PER_RACK, SimulationPlan
from data.simulator.history.site_events import draw_rack, draw_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

START = datetime(2025, 1, 1, tzinfo=UTC)
HOURLY = timedelta(hours=1)


def plan(nodes: int = 20, days: int = 30, seed: int = 1, interval: timedelta = HOURLY) -> SimulationPlan:
    return SimulationPlan(nodes, days, seed, START, interval)


def lives(simulated: SimulationPlan) -> Iterator[tuple[Node, NodeLife]]:
    site = draw_site(simulated)
    racks = [draw_rack(simulated, site, number) for number in range(simulated.racks)]
    for index in range(simulated.nodes):
        node = draw_node(simulated, index)
        yield node, simulate_life(simulated, node, site, racks[index // NODES_PER_RACK])


def histories(simulated: SimulationPlan) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield the events and the inventory row of each node, without the cost of telemetry and jobs."""
    site = draw_site(simulated)
    for node, life in lives(simulated):
        yield records.events(simulated, node, life, site), records.inventory(simulated, node)
