"""The failure modes of simulated nodes: how often they occur, how long repairs take, and their precursors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np

MAX_LEAD_HOURS: Final = 45 * 24.0
MIN_LEAD_HOURS: Final = 1.0


class Symptom(StrEnum):
    """What a precursor changes in telemetry."""

    NONE = "none"
    THERMAL = "thermal"
    FAN = "fan"
    MEMORY = "memory"
    DISK = "disk"
    POWER = "power"
    NETWORK = "network"
    LEAK = "leak"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class Lognormal:
    """A lognormal duration in hours, by its median and the standard deviation of its logarithm."""

    median: float
    sigma: float

    def draw(self, rng: np.random.Generator) -> float:
        """Draw one duration."""
        return float(self.median * math.exp(self.sigma * rng.standard_normal()))


@dataclass(frozen=True, slots=True)
class FailureMode:
    """A failure mode.

    `share`: of all failures of single nodes. `precursor_share`: of its failures, those with a precursor, which lasts
    `lead`. `false_alarms`: the number of precursors without a failure for each one with a failure. `repair`: downtime.
    """

    cause: str
    share: float
    repair: Lognormal
    symptom: Symptom = Symptom.NONE
    precursor_share: float = 0.0
    lead: Lognormal = Lognormal(1.0, 0.0)
    false_alarms: float = 0.0


# Repairs: median and spread of LANL's systems 18 to 20 by component (CPU 0.9 h, sigma 0.9; DIMM 2.4 h, 0.7;
# OS 0.75 h, 1.1; disk drive 3.8 h, 1.6; power supply 1.5 h, 1.3; network 2.2 h, 1.2; system board 3.7 h, 0.7;
# undetermined 1.3 h, 1.2) and, for fans, of all its systems (1.8 h, 1.0); thermal faults between CPU and fan.
# GPUs, which LANL did not have, as its PCI backplanes (2.7 h, 0.8).
# Shares: half of these systems' failures are 'CPU' in LANL's records, a fault of that processor; here they are spread
# over the parts of a present-day node, with three quarters hardware and a fifth software (LANL: 0.76 and 0.20).
# Leads and shares with precursors: no record contains them; they are set so that well over half of all failures give
# no usable warning, as on M100, where a third are caught within a week's horizon at 1% alarms.
MODES: Final = (
    FailureMode("cpu", 0.14, Lognormal(0.92, 0.92)),
    FailureMode("memory", 0.17, Lognormal(2.4, 0.71), Symptom.MEMORY, 0.65, Lognormal(80.0, 1.2), 1.0),
    FailureMode("board", 0.07, Lognormal(3.7, 0.71)),
    FailureMode("gpu", 0.09, Lognormal(2.7, 0.83), Symptom.GPU, 0.50, Lognormal(40.0, 1.1), 1.0),
    FailureMode("fan", 0.05, Lognormal(1.8, 0.99), Symptom.FAN, 0.75, Lognormal(110.0, 0.7), 0.7),
    FailureMode("thermal", 0.07, Lognormal(1.5, 0.9), Symptom.THERMAL, 0.70, Lognormal(140.0, 0.7), 0.8),
    FailureMode("disk", 0.07, Lognormal(3.8, 1.57), Symptom.DISK, 0.70, Lognormal(350.0, 0.6), 0.8),
    FailureMode("power_supply", 0.05, Lognormal(1.5, 1.3), Symptom.POWER, 0.60, Lognormal(12.0, 0.9), 0.8),
    FailureMode("network", 0.04, Lognormal(2.2, 1.23), Symptom.NETWORK, 0.60, Lognormal(30.0, 1.0), 1.5),
    FailureMode("software_leak", 0.08, Lognormal(0.75, 1.08), Symptom.LEAK, 0.90, Lognormal(120.0, 0.6), 0.6),
    FailureMode("software", 0.12, Lognormal(0.95, 1.3)),
    FailureMode("undetermined", 0.05, Lognormal(1.3, 1.25)),
)
GPU: Final = next(mode for mode in MODES if mode.cause == "gpu")
CAUSE_RACK: Final = "facilities"
RACK_REPAIR: Final = Lognormal(4.2, 1.2)  # LANL, facilities, all systems


def draw_mode(rng: np.random.Generator, *, has_gpu: bool) -> FailureMode:
    """Draw the failure mode of a node; a node without GPUs has no GPU failures."""
    possible = [mode for mode in MODES if has_gpu or mode is not GPU]
    remaining = rng.random() * sum(mode.share for mode in possible)
    for mode in possible:
        remaining -= mode.share
        if remaining < 0:
            return mode
    return possible[-1]


def draw_lead(mode: FailureMode, rng: np.random.Generator) -> float:
    """Draw how many hours before a failure its precursor begins."""
    return min(max(mode.lead.draw(rng), MIN_LEAD_HOURS), MAX_LEAD_HOURS)
