"""Small plans, and the lives of the nodes in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from data.simulator.history.layout import Node, lay_out
from data.simulator.history.node_life import Life, live
from data.simulator.history.plan import RACK_NODES, SimulationPlan
from data.simulator.history.site_events import draw_rack, draw_site

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2025, 1, 1, tzinfo=UTC)
HOURLY = timedelta(hours=1)


def plan(nodes: int = 20, days: int = 30, seed: int = 1, interval: timedelta = HOURLY) -> SimulationPlan:
    return SimulationPlan(nodes, days, seed, START, interval)


def lives(of: SimulationPlan) -> Iterator[tuple[Node, Life]]:
    site = draw_site(of)
    racks = [draw_rack(of, site, number) for number in range(of.racks)]
    for index in range(of.nodes):
        node = lay_out(of, index)
        yield node, live(of, node, site, racks[index // RACK_NODES])
