"""Jobs on one node: they come by day and week, load it in their own way, and die with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.simulator.history.failure_modes import Lognormal
from data.simulator.history.failure_rates import cycle
from data.simulator.history.plan import DAY_HOURS, SimulationPlan, Stream

if TYPE_CHECKING:
    from data.simulator.history.arrays import Floats
    from data.simulator.history.layout import Node
    from data.simulator.history.node_life import Down, Life

LENGTH: Final = Lognormal(5.0, 1.2)
LONGEST_JOB: Final = 2 * DAY_HOURS  # the queue's time limit
IDLE: Final = 2.2  # hours between two jobs at an average time
BUSIEST: Final = 3.0  # how much faster than that jobs come at most, as a power of the site's cycle
FAILED_SHARE: Final = 0.06  # of jobs, by their own fault
SHORTEST_JOB: Final = 1 / 60

COMPLETED, FAILED, NODE_FAIL, CANCELLED, RUNNING = "completed", "failed", "node_fail", "cancelled", "running"


@dataclass(frozen=True, slots=True)
class Jobs:
    """One node's jobs, in the order of time, one after the other; `end` is nan for those still running."""

    start: Floats
    end: Floats
    outcome: tuple[str, ...]
    cpu: Floats
    gpu: Floats
    memory: Floats


def draw_jobs(plan: SimulationPlan, node: Node, life: Life) -> Jobs:
    """Draw a node's jobs: none while it is down, and what runs when it goes down ends there."""
    rng = plan.rng(Stream.WORK, node.index)
    last = min(plan.hours, node.until)
    found: list[tuple[float, float, str]] = []
    at, downs = node.since + float(rng.exponential(IDLE)), iter(life.downs)
    down = next(downs, None)
    while at < last:
        while down is not None and down.end <= at:
            down = next(downs, None)
        if down is not None and down.start <= at:
            at = down.end + float(rng.exponential(IDLE))
            continue
        end, outcome = _end(at, min(LENGTH.draw(rng), LONGEST_JOB), down, rng)
        found.append((at, end, outcome) if end <= last else (at, np.nan, RUNNING))
        at = end + float(rng.exponential(IDLE) / cycle(plan.start, end) ** BUSIEST)
    return _loaded(found, node, rng)


def _end(at: float, length: float, down: Down | None, rng: np.random.Generator) -> tuple[float, str]:
    is_faulty = rng.random() < FAILED_SHARE
    end = at + max(length * (rng.random() if is_faulty else 1.0), SHORTEST_JOB)
    if down is not None and end > down.start:
        return down.start, NODE_FAIL if down.kind == "failure" else CANCELLED
    return end, FAILED if is_faulty else COMPLETED


def _loaded(found: list[tuple[float, float, str]], node: Node, rng: np.random.Generator) -> Jobs:
    """Say how much of the node each job uses, as shares."""
    count = len(found)
    gpu = rng.beta(4.0, 1.5, count) if node.has_gpu else np.zeros(count)
    return Jobs(
        start=np.array([start for start, _, _ in found]),
        end=np.array([end for _, end, _ in found]),
        outcome=tuple(outcome for _, _, outcome in found),
        cpu=rng.beta(1.5, 3.0, count) if node.has_gpu else rng.beta(4.0, 1.2, count),
        gpu=gpu,
        memory=rng.beta(1.6, 2.6, count),
    )


def at_times(jobs: Jobs, share: Floats, times: Floats) -> Floats:
    """Give a share of the node in use at some times."""
    if not len(jobs.start):
        return np.zeros(len(times))
    at = np.searchsorted(jobs.start, times, side="right") - 1
    is_on = (at >= 0) & ~(jobs.end[at] <= times)  # nan: still running
    return np.where(is_on, share[at], 0.0)
