"""A simulated fleet, block of nodes by block of nodes: a node's history is the same whatever block it is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from data.simulator.history import records
from data.simulator.history.jobs import draw_jobs
from data.simulator.history.layout import lay_out
from data.simulator.history.node_life import live
from data.simulator.history.plan import RACK_NODES
from data.simulator.history.site_events import draw_rack, draw_site
from data.simulator.signals.climate import rack_air
from data.simulator.signals.gauges import METRICS
from data.simulator.signals.telemetry import measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.simulator.history.layout import Node
    from data.simulator.history.node_life import Life
    from data.simulator.history.plan import SimulationPlan
    from data.simulator.history.site_events import Rack, Site

BLOCK_CELLS: Final = 1 << 22  # of telemetry, made at once: some tens of megabytes
MOST_NODES: Final = 200  # in a block


@dataclass(frozen=True, slots=True)
class NodeBlock:
    """What some nodes leave behind, as tables."""

    telemetry: pl.DataFrame
    events: pl.DataFrame
    nodes: pl.DataFrame
    jobs: pl.DataFrame


def simulate(plan: SimulationPlan, block_nodes: int | None = None) -> Iterator[NodeBlock]:
    """Yield the fleet in blocks of so many nodes; by default, of as many as fit in little memory."""
    size = block_nodes or block_size(plan)
    site = draw_site(plan)
    for first in range(0, plan.nodes, size):
        yield _block(plan, site, range(first, min(first + size, plan.nodes)))


def histories(plan: SimulationPlan) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield each node's events and its line of the inventory, without the cost of telemetry and jobs."""
    site = draw_site(plan)
    for number in range(plan.racks):
        inside = range(number * RACK_NODES, min((number + 1) * RACK_NODES, plan.nodes))
        for node, life in _lives(plan, site, draw_rack(plan, site, number), inside):
            yield records.events(plan, node, life, site), records.inventory(plan, node)


def block_size(plan: SimulationPlan) -> int:
    """Give how many nodes' telemetry is made at once."""
    return min(max(BLOCK_CELLS // (len(plan.grid()) * len(METRICS)), 1), MOST_NODES)


def _block(plan: SimulationPlan, site: Site, indices: range) -> NodeBlock:
    parts = []
    for rack in range(indices[0] // RACK_NODES, indices[-1] // RACK_NODES + 1):
        inside = range(max(indices[0], rack * RACK_NODES), min(indices[-1] + 1, (rack + 1) * RACK_NODES))
        parts += _rack(plan, site, rack, inside)
    return NodeBlock(*(pl.concat(tables) for tables in zip(*parts, strict=True)))


def _rack(plan: SimulationPlan, site: Site, number: int, indices: range) -> list[tuple[pl.DataFrame, ...]]:
    rack, times = draw_rack(plan, site, number), plan.grid()
    air = rack_air(plan, number, times)
    silences = (*site.blind, *rack.silences)
    found: list[tuple[pl.DataFrame, ...]] = []
    for node, life in _lives(plan, site, rack, indices):
        jobs = draw_jobs(plan, node, life)
        telemetry = measure(plan, node, life, jobs, (air, silences))
        written = records.events(plan, node, life, site), records.inventory(plan, node)
        found.append((telemetry, *written, records.job_list(plan, node, jobs)))
    return found


def _lives(plan: SimulationPlan, site: Site, rack: Rack, indices: range) -> Iterator[tuple[Node, Life]]:
    for index in indices:
        node = lay_out(plan, index)
        yield node, live(plan, node, site, rack)
