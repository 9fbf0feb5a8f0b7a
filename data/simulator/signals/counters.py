"""What a simulated node counts: errors since its last boot, worn sectors since the disk was new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.simulator.history import jobs
from data.simulator.history.failure_modes import Lognormal, Symptom
from data.simulator.history.plan import DAY_HOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data.simulator.history.arrays import Floats
    from data.simulator.history.node_life import Down
    from data.simulator.signals.gauges import Body


@dataclass(frozen=True, slots=True)
class Errors:
    """How many errors an hour come in health, which differs between nodes, and at the worst of a precursor."""

    healthy: Lognormal
    worst: float


ECC: Final = Errors(Lognormal(0.004, 2.0), 60.0)
GPU_ERRORS: Final = Errors(Lognormal(0.001, 1.5), 2.5)
NETWORK: Final = Errors(Lognormal(0.05, 1.6), 120.0)
SECTORS: Final = Errors(Lognormal(0.0004, 1.5), 1.6)
STEEP: Final = 1.5  # errors rise with severity to this power
USED_SHARE: Final = 0.3  # of disks have sectors replaced when the records start,
USED_SECTORS: Final = 4.0  # so many of them on average
WEAR_DAILY: Final = 0.035  # % a day at half load
WEAR_SPREAD: Final = 0.4
WEAR_WORST: Final = 0.6  # % a day, at the worst
MOST_WORN: Final = 80.0  # % when the records start


def counts(body: Body, downs: Sequence[Down], rng: np.random.Generator) -> dict[str, Floats]:
    """Give the counters and the wear; a boot zeroes what the system counts, a new disk what the disk does."""
    boots = [down.end for down in downs]
    disks = [down.end for down in downs if down.renews is Symptom.DISK]
    used = float(rng.poisson(USED_SECTORS) * (rng.random() < USED_SHARE))
    found = {
        "ecc_correctable": _count(_rate(body, Symptom.MEMORY, ECC, rng), body, boots, rng),
        "gpu_errors": _count(_rate(body, Symptom.GPU, GPU_ERRORS, rng), body, boots, rng),
        "network_errors": _count(_rate(body, Symptom.NETWORK, NETWORK, rng), body, boots, rng),
        "disk_reallocated": _count(_rate(body, Symptom.DISK, SECTORS, rng), body, disks, rng, used),
        "disk_wear": _wear(body, disks, rng),
    }
    if not body.node.has_gpu:
        found["gpu_errors"] = np.full(len(body.times), np.nan)
    return found


def _rate(body: Body, symptom: Symptom, errors: Errors, rng: np.random.Generator) -> Floats:
    return errors.healthy.draw(rng) + errors.worst * body.severity[symptom] ** STEEP


def _wear(body: Body, disks: Sequence[float], rng: np.random.Generator) -> Floats:
    """Wear a disk by the day: more under load, and fast where it is failing."""
    used = 0.5 + jobs.at_times(body.jobs, body.jobs.cpu, body.times)
    daily = rng.lognormal(0.0, WEAR_SPREAD) * WEAR_DAILY * used + WEAR_WORST * body.severity[Symptom.DISK]
    worn = min(body.node.age_days * WEAR_DAILY, MOST_WORN)
    return np.minimum(_summed(daily * body.step / DAY_HOURS, body.times, disks, worn), 100.0)


def _count(rate: Floats, body: Body, resets: Sequence[float], rng: np.random.Generator, before: float = 0.0) -> Floats:
    return _summed(rng.poisson(rate * body.step).astype(np.float64), body.times, resets, before)


def _summed(steps: Floats, times: Floats, resets: Sequence[float], before: float) -> Floats:
    """Sum up from `before`, from zero again after each reset."""
    total = np.cumsum(steps) + before
    firsts = np.searchsorted(times, np.asarray(resets, dtype=np.float64))
    for first in firsts[firsts < len(times)]:
        total[first:] -= total[first - 1] if first else before
    return total


def boot_times(body: Body, downs: Sequence[Down], uptime: float) -> Floats:
    """Give the hour of the last boot; `uptime` is how long the node was up when it first reported."""
    boots = np.array([body.node.since - uptime, *(down.end for down in downs)])
    return boots[np.searchsorted(boots, body.times, side="right") - 1]
