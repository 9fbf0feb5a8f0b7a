"""Sensors that lie: some stick, some throw wild values, some fall silent for days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from data.simulator.history.failure_modes import Lognormal
from data.simulator.history.plan import YEAR_HOURS

if TYPE_CHECKING:
    from data.simulator.history.arrays import Floats

LIARS: Final = ("inlet_temp", "cpu_temp", "fan_rpm", "power", "psu_voltage", "memory_used", "load")
FAULTS_PER_YEAR: Final = 0.5  # of a node, over all its sensors
FAULT_LENGTH: Final = Lognormal(50.0, 1.2)
SPIKE_SHARE: Final = 0.04  # of samples, while a sensor throws wild values
SPIKES: Final = (0.0, 0.5, 3.0, 21.8)  # times the true value: dead bits, lost bits, and 21.8 x 12 V


def distort(levels: dict[str, Floats], times: Floats, hours: float, rng: np.random.Generator) -> dict[str, Floats]:
    """Let a node's sensors lie now and then."""
    told = dict(levels)
    for start in rng.uniform(0.0, hours, rng.poisson(FAULTS_PER_YEAR * hours / YEAR_HOURS)):
        metric, how = LIARS[rng.integers(len(LIARS))], rng.integers(3)
        low, high = np.searchsorted(times, (start, start + FAULT_LENGTH.draw(rng)))
        if low < high:
            told[metric] = np.concatenate(
                [told[metric][:low], _lie(told[metric][low:high], int(how), rng), told[metric][high:]]
            )
    return told


def _lie(true: Floats, how: int, rng: np.random.Generator) -> Floats:
    if how == 0:
        return np.full(len(true), true[0])
    if how == 1:
        return np.where(rng.random(len(true)) < SPIKE_SHARE, true * rng.choice(SPIKES, len(true)), true)
    return np.full(len(true), np.nan)
