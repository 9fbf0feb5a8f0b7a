"""Simulates the jobs on a node: they arrive by day and week, use the node, and end when it goes down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.simulator.history.failure_modes import Lognormal
from data.simulator.history.failure_rates import site_activity
from data.simulator.history.plan import DAY_HOURS, SimulationPlan, Stream

if TYPE_CHECKING:
    from data.simulator.history.arrays import Floats
    from data.simulator.history.layout import Node
    from data.simulator.history.node_life import Downtime, NodeLife

JOB_HOURS: Final = Lognormal(5.0, 1.2)
MAX_JOB_HOURS: Final = 2 * DAY_HOURS  # the queue's time limit
IDLE_HOURS: Final = 2.2  # mean time between two jobs at average activity
ACTIVITY_POWER: Final = 3.0  # jobs arrive faster by this power of the site's activity
FAILED_SHARE: Final = 0.06  # of jobs that fail by themselves
MIN_JOB_HOURS: Final = 1 / 60

COMPLETED, FAILED, NODE_FAIL, CANCELLED, RUNNING = "completed", "failed", "node_fail", "cancelled", "running"


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of a node in the order of time, without overlaps; `end` is nan for a job that is still running."""

    start: Floats
    end: Floats
    outcome: tuple[str, ...]
    cpu: Floats
    gpu: Floats
    memory: Floats


def draw_jobs(plan: SimulationPlan, node: Node, life: NodeLife) -> Jobs:
    """Draw the jobs of a node: none run while it is down, and a running job ends when it goes down."""
    rng = plan.rng(Stream.JOBS, node.index)
    last = min(plan.hours, node.until)
    times: list[tuple[float, float, str]] = []
    start, downtimes = node.since + float(rng.exponential(IDLE_HOURS)), iter(life.downtimes)
    down = next(downtimes, None)
    while start < last:
        while down is not None and down.end <= start:
            down = next(downtimes, None)
        if down is not None and down.start <= start:
            start = down.end + float(rng.exponential(IDLE_HOURS))
            continue
        end, outcome = _end(start, min(JOB_HOURS.draw(rng), MAX_JOB_HOURS), down, rng)
        times.append((start, end, outcome) if end <= last else (start, np.nan, RUNNING))
        start = end + float(rng.exponential(IDLE_HOURS) / site_activity(plan.start, end) ** ACTIVITY_POWER)
    return _with_usage(times, node, rng)


def _end(start: float, length: float, down: Downtime | None, rng: np.random.Generator) -> tuple[float, str]:
    """Return the end and the outcome of a job; `down` is the next downtime."""
    is_faulty = rng.random() < FAILED_SHARE
    end = start + max(length * (rng.random() if is_faulty else 1.0), MIN_JOB_HOURS)
    if down is not None and end > down.start:
        return down.start, NODE_FAIL if down.kind == "failure" else CANCELLED
    return end, FAILED if is_faulty else COMPLETED


def _with_usage(times: list[tuple[float, float, str]], node: Node, rng: np.random.Generator) -> Jobs:
    """Draw the shares of the node that each job uses."""
    count = len(times)
    gpu = rng.beta(4.0, 1.5, count) if node.has_gpu else np.zeros(count)
    return Jobs(
        start=np.array([start for start, _, _ in times]),
        end=np.array([end for _, end, _ in times]),
        outcome=tuple(outcome for _, _, outcome in times),
        cpu=rng.beta(1.5, 3.0, count) if node.has_gpu else rng.beta(4.0, 1.2, count),
        gpu=gpu,
        memory=rng.beta(1.6, 2.6, count),
    )


def usage_at(jobs: Jobs, share: Floats, times: Floats) -> Floats:
    """Return the share of the node that is in use at each time."""
    if not len(jobs.start):
        return np.zeros(len(times))
    index = np.searchsorted(jobs.start, times, side="right") - 1
    is_running = (index >= 0) & ~(jobs.end[index] <= times)  # nan: still running
    return np.where(is_running, share[index], 0.0)
