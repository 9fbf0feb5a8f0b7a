"""Simulates the counters of a node: errors since its last boot, replaced sectors since the disk was new."""

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
    from data.simulator.history.node_life import Downtime
    from data.simulator.signals.gauges import SensorInputs


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """Errors per hour of a healthy node, which differ between nodes, and at the largest severity of a precursor."""

    healthy: Lognormal
    worst: float


ECC: Final = ErrorRates(Lognormal(0.004, 2.0), 60.0)
GPU_ERRORS: Final = ErrorRates(Lognormal(0.001, 1.5), 2.5)
NETWORK: Final = ErrorRates(Lognormal(0.05, 1.6), 120.0)
SECTORS: Final = ErrorRates(Lognormal(0.0004, 1.5), 1.6)
SEVERITY_POWER: Final = 1.5  # errors rise with severity to this power
USED_SHARE: Final = 0.3  # of disks have replaced sectors when the records start,
USED_SECTORS: Final = 4.0  # on average so many
WEAR_DAILY: Final = 0.035  # % a day at half load
WEAR_SPREAD: Final = 0.4
WEAR_WORST: Final = 0.6  # % a day, at the largest severity
MAX_WEAR: Final = 80.0  # % when the records start


def simulate_counters(
    inputs: SensorInputs, downtimes: Sequence[Downtime], rng: np.random.Generator
) -> dict[str, Floats]:
    """Return the counters and the wear; a boot resets the counters of the system, a new disk those of the disk."""
    boots = [down.end for down in downtimes]
    disks = [down.end for down in downtimes if down.replaces is Symptom.DISK]
    used = float(rng.poisson(USED_SECTORS) * (rng.random() < USED_SHARE))
    counters = {
        "ecc_correctable": _count(_rate(inputs, Symptom.MEMORY, ECC, rng), inputs, boots, rng),
        "gpu_errors": _count(_rate(inputs, Symptom.GPU, GPU_ERRORS, rng), inputs, boots, rng),
        "network_errors": _count(_rate(inputs, Symptom.NETWORK, NETWORK, rng), inputs, boots, rng),
        "disk_reallocated": _count(_rate(inputs, Symptom.DISK, SECTORS, rng), inputs, disks, rng, used),
        "disk_wear": _wear(inputs, disks, rng),
    }
    if not inputs.node.has_gpu:
        counters["gpu_errors"] = np.full(len(inputs.times), np.nan)
    return counters


def _rate(inputs: SensorInputs, symptom: Symptom, errors: ErrorRates, rng: np.random.Generator) -> Floats:
    return errors.healthy.draw(rng) + errors.worst * inputs.severity[symptom] ** SEVERITY_POWER


def _wear(inputs: SensorInputs, disks: Sequence[float], rng: np.random.Generator) -> Floats:
    """Return the wear of a disk in %: it rises with time, with load, and fast with the severity of a disk failure."""
    used = 0.5 + jobs.usage_at(inputs.jobs, inputs.jobs.cpu, inputs.times)
    daily = rng.lognormal(0.0, WEAR_SPREAD) * WEAR_DAILY * used + WEAR_WORST * inputs.severity[Symptom.DISK]
    worn = min(inputs.node.age_days * WEAR_DAILY, MAX_WEAR)
    return np.minimum(_summed(daily * inputs.step / DAY_HOURS, inputs.times, disks, worn), 100.0)


def _count(
    rate: Floats, inputs: SensorInputs, resets: Sequence[float], rng: np.random.Generator, before: float = 0.0
) -> Floats:
    return _summed(rng.poisson(rate * inputs.step).astype(np.float64), inputs.times, resets, before)


def _summed(steps: Floats, times: Floats, resets: Sequence[float], before: float) -> Floats:
    """Return the running sum from `before`, which starts from zero after each reset."""
    total = np.cumsum(steps) + before
    firsts = np.searchsorted(times, np.asarray(resets, dtype=np.float64))
    for first in firsts[firsts < len(times)]:
        total[first:] -= total[first - 1] if first else before
    return total


def boot_times(inputs: SensorInputs, downtimes: Sequence[Downtime], uptime: float) -> Floats:
    """Return the time of the last boot in hours; `uptime` is that at the beginning of the records."""
    boots = np.array([inputs.node.since - uptime, *(down.end for down in downtimes)])
    return boots[np.searchsorted(boots, inputs.times, side="right") - 1]
