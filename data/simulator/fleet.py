"""Simulates a fleet in blocks of nodes; the block does not influence the history of a node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from data.simulator.history import records
from data.simulator.history.jobs import draw_jobs
from data.simulator.history.layout import draw_node
from data.simulator.history.node_life import simulate_life
from data.simulator.history.plan import NODES_PER_RACK
from data.simulator.history.site_events import draw_rack, draw_site
from data.simulator.signals.climate import rack_air_temperature
from data.simulator.signals.gauges import METRICS
from data.simulator.signals.telemetry import simulate_telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.simulator.history.layout import Node
    from data.simulator.history.node_life import NodeLife
    from data.simulator.history.plan import SimulationPlan
    from data.simulator.history.site_events import RackEvents, SiteEvents

BLOCK_CELLS: Final = 1 << 22  # of telemetry, simulated at once: some tens of megabytes
MAX_BLOCK_NODES: Final = 200  # in a block


@dataclass(frozen=True, slots=True)
class NodeBlock:
    """The records of some nodes, as tables."""

    telemetry: pl.DataFrame
    events: pl.DataFrame
    nodes: pl.DataFrame
    jobs: pl.DataFrame


def simulate(plan: SimulationPlan, block_nodes: int | None = None) -> Iterator[NodeBlock]:
    """Yield the fleet in blocks of so many nodes; by default, of as many as need little memory."""
    size = block_nodes or block_size(plan)
    site = draw_site(plan)
    for first in range(0, plan.nodes, size):
        yield _block(plan, site, range(first, min(first + size, plan.nodes)))


def block_size(plan: SimulationPlan) -> int:
    """Return for how many nodes telemetry is simulated at once."""
    return min(max(BLOCK_CELLS // (len(plan.sample_times()) * len(METRICS)), 1), MAX_BLOCK_NODES)


def _block(plan: SimulationPlan, site: SiteEvents, indices: range) -> NodeBlock:
    rows = []
    for rack in range(indices[0] // NODES_PER_RACK, indices[-1] // NODES_PER_RACK + 1):
        in_rack = range(max(indices[0], rack * NODES_PER_RACK), min(indices[-1] + 1, (rack + 1) * NODES_PER_RACK))
        rows += _rack(plan, site, rack, in_rack)
    return NodeBlock(*(pl.concat(tables) for tables in zip(*rows, strict=True)))


def _rack(plan: SimulationPlan, site: SiteEvents, number: int, indices: range) -> list[tuple[pl.DataFrame, ...]]:
    """Simulate some nodes of one rack; return the tables of NodeBlock for each node."""
    rack, times = draw_rack(plan, site, number), plan.sample_times()
    air = rack_air_temperature(plan, number, times)
    silences = (*site.blind, *rack.silences)
    tables: list[tuple[pl.DataFrame, ...]] = []
    for node, life in _lives(plan, site, rack, indices):
        jobs = draw_jobs(plan, node, life)
        telemetry = simulate_telemetry(plan, node, life, jobs, (air, silences))
        events, nodes = records.events(plan, node, life, site), records.inventory(plan, node)
        tables.append((telemetry, events, nodes, records.job_list(plan, node, jobs)))
    return tables


def _lives(plan: SimulationPlan, site: SiteEvents, rack: RackEvents, indices: range) -> Iterator[tuple[Node, NodeLife]]:
    for index in indices:
        node = draw_node(plan, index)
        yield node, simulate_life(plan, node, site, rack)
