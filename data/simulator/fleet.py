"""A simulated fleet, block of nodes by block of nodes: a node's history is the same whatever block it is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from data.simulator import accounts
from data.simulator.climate import rack_air
from data.simulator.layout import lay_out
from data.simulator.life import live
from data.simulator.plan import RACK_NODES
from data.simulator.signals import METRICS
from data.simulator.site import draw_rack, draw_site
from data.simulator.telemetry import measure
from data.simulator.work import draw_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.simulator.layout import Node
    from data.simulator.life import Life
    from data.simulator.plan import Plan
    from data.simulator.site import Rack, Site

BLOCK_CELLS: Final = 1 << 22  # of telemetry, made at once: some tens of megabytes
MOST_NODES: Final = 200  # in a block


@dataclass(frozen=True, slots=True)
class Block:
    """What some nodes leave behind, as tables."""

    telemetry: pl.DataFrame
    events: pl.DataFrame
    nodes: pl.DataFrame
    jobs: pl.DataFrame


def simulate(plan: Plan, block_nodes: int | None = None) -> Iterator[Block]:
    """Yield the fleet in blocks of so many nodes; by default, of as many as fit in little memory."""
    size = block_nodes or block_size(plan)
    site = draw_site(plan)
    for first in range(0, plan.nodes, size):
        yield _block(plan, site, range(first, min(first + size, plan.nodes)))


def histories(plan: Plan) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield each node's events and its line of the inventory, without the cost of telemetry and jobs."""
    site = draw_site(plan)
    for number in range(plan.racks):
        inside = range(number * RACK_NODES, min((number + 1) * RACK_NODES, plan.nodes))
        for node, life in _lives(plan, site, draw_rack(plan, site, number), inside):
            yield accounts.events(plan, node, life, site), accounts.inventory(plan, node)


def block_size(plan: Plan) -> int:
    """Give how many nodes' telemetry is made at once."""
    return min(max(BLOCK_CELLS // (len(plan.grid()) * len(METRICS)), 1), MOST_NODES)


def _block(plan: Plan, site: Site, indices: range) -> Block:
    parts = []
    for rack in range(indices[0] // RACK_NODES, indices[-1] // RACK_NODES + 1):
        inside = range(max(indices[0], rack * RACK_NODES), min(indices[-1] + 1, (rack + 1) * RACK_NODES))
        parts += _rack(plan, site, rack, inside)
    return Block(*(pl.concat(tables) for tables in zip(*parts, strict=True)))


def _rack(plan: Plan, site: Site, number: int, indices: range) -> list[tuple[pl.DataFrame, ...]]:
    rack, times = draw_rack(plan, site, number), plan.grid()
    air = rack_air(plan, number, times)
    silences = (*site.blind, *rack.silences)
    found: list[tuple[pl.DataFrame, ...]] = []
    for node, life in _lives(plan, site, rack, indices):
        jobs = draw_jobs(plan, node, life)
        telemetry = measure(plan, node, life, jobs, (air, silences))
        written = accounts.events(plan, node, life, site), accounts.inventory(plan, node)
        found.append((telemetry, *written, accounts.job_list(plan, node, jobs)))
    return found


def _lives(plan: Plan, site: Site, rack: Rack, indices: range) -> Iterator[tuple[Node, Life]]:
    for index in indices:
        node = lay_out(plan, index)
        yield node, live(plan, node, site, rack)
