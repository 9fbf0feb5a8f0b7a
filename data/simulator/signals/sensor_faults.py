"""Adds sensor faults: some sensors repeat a value, some report spikes, some report nothing for days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from data.simulator.history.failure_modes import Lognormal
from data.simulator.history.plan import YEAR_HOURS

if TYPE_CHECKING:
    from data.simulator.history.arrays import Floats

FAULTY_SENSORS: Final = ("inlet_temp", "cpu_temp", "fan_rpm", "power", "psu_voltage", "memory_used", "load")
FAULTS_PER_YEAR: Final = 0.5  # of a node, over all its sensors
FAULT_LENGTH: Final = Lognormal(50.0, 1.2)
SPIKE_SHARE: Final = 0.04  # of samples of a sensor that reports spikes
SPIKES: Final = (0.0, 0.5, 3.0, 21.8)  # times the true value: dead bits, lost bits, and 21.8 x 12 V


def add_sensor_faults(
    gauges: dict[str, Floats], times: Floats, hours: float, rng: np.random.Generator
) -> dict[str, Floats]:
    """Return a node's gauges with faults of its sensors."""
    faulty = dict(gauges)
    for start in rng.uniform(0.0, hours, rng.poisson(FAULTS_PER_YEAR * hours / YEAR_HOURS)):
        metric, kind = FAULTY_SENSORS[rng.integers(len(FAULTY_SENSORS))], rng.integers(3)
        low, high = np.searchsorted(times, (start, start + FAULT_LENGTH.draw(rng)))
        if low < high:
            faulty[metric] = np.concatenate(
                [faulty[metric][:low], _with_fault(faulty[metric][low:high], int(kind), rng), faulty[metric][high:]]
            )
    return faulty


def _with_fault(true: Floats, kind: int, rng: np.random.Generator) -> Floats:
    if kind == 0:
        return np.full(len(true), true[0])
    if kind == 1:
        return np.where(rng.random(len(true)) < SPIKE_SHARE, true * rng.choice(SPIKES, len(true)), true)
    return np.full(len(true), np.nan)
