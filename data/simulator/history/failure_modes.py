"""The ways in which simulated nodes fail: how often, how long repairs take, and what can be seen before."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np

LONGEST_LEAD: Final = 45 * 24.0  # hours
SHORTEST_LEAD: Final = 1.0


class Symptom(StrEnum):
    """What a precursor shows in telemetry."""

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
    """A lognormal length in hours, by its median and the standard deviation of its logarithm."""

    median: float
    sigma: float

    def draw(self, rng: np.random.Generator) -> float:
        """Draw one length."""
        return float(self.median * math.exp(self.sigma * rng.standard_normal()))


@dataclass(frozen=True, slots=True)
class Mode:
    """A way to fail.

    `share`: of all failures that strike single nodes. `seen`: the share of them with a precursor, which lasts `lead`.
    `false_alarms`: precursors that never end in failure, for each one that does. `repair`: hours of down time.
    """

    cause: str
    share: float
    repair: Lognormal
    symptom: Symptom = Symptom.NONE
    seen: float = 0.0
    lead: Lognormal = Lognormal(1.0, 0.0)
    false_alarms: float = 0.0


# Repairs: median and spread of LANL's systems 18 to 20 by component (CPU 0.9 h, sigma 0.9; DIMM 2.4 h, 0.7;
# OS 0.75 h, 1.1; disk drive 3.8 h, 1.6; power supply 1.5 h, 1.3; network 2.2 h, 1.2; system board 3.7 h, 0.7;
# undetermined 1.3 h, 1.2) and, for fans, of all its systems (1.8 h, 1.0); thermal faults between CPU and fan.
# GPUs, which LANL did not have, as its PCI backplanes (2.7 h, 0.8).
# Shares: LANL has half of these systems' failures as 'CPU', a fault of that one processor; they are spread over the
# parts of a present-day node here, keeping three quarters hardware, a fifth software (LANL: 0.76 and 0.20).
# Leads and what share is seen: no record tells; they are set so that well over half of all failures give no
# usable warning, as on M100, where a third are caught within a week's horizon at 1% alarms.
MODES: Final = (
    Mode("cpu", 0.14, Lognormal(0.92, 0.92)),
    Mode("memory", 0.17, Lognormal(2.4, 0.71), Symptom.MEMORY, 0.65, Lognormal(80.0, 1.2), 1.0),
    Mode("board", 0.07, Lognormal(3.7, 0.71)),
    Mode("gpu", 0.09, Lognormal(2.7, 0.83), Symptom.GPU, 0.50, Lognormal(40.0, 1.1), 1.0),
    Mode("fan", 0.05, Lognormal(1.8, 0.99), Symptom.FAN, 0.75, Lognormal(110.0, 0.7), 0.7),
    Mode("thermal", 0.07, Lognormal(1.5, 0.9), Symptom.THERMAL, 0.70, Lognormal(140.0, 0.7), 0.8),
    Mode("disk", 0.07, Lognormal(3.8, 1.57), Symptom.DISK, 0.70, Lognormal(350.0, 0.6), 0.8),
    Mode("power_supply", 0.05, Lognormal(1.5, 1.3), Symptom.POWER, 0.60, Lognormal(12.0, 0.9), 0.8),
    Mode("network", 0.04, Lognormal(2.2, 1.23), Symptom.NETWORK, 0.60, Lognormal(30.0, 1.0), 1.5),
    Mode("software_leak", 0.08, Lognormal(0.75, 1.08), Symptom.LEAK, 0.90, Lognormal(120.0, 0.6), 0.6),
    Mode("software", 0.12, Lognormal(0.95, 1.3)),
    Mode("undetermined", 0.05, Lognormal(1.3, 1.25)),
)
GPU: Final = next(mode for mode in MODES if mode.cause == "gpu")
CAUSE_RACK: Final = "facilities"
RACK_REPAIR: Final = Lognormal(4.2, 1.2)  # LANL, facilities, all systems


def draw_mode(rng: np.random.Generator, *, has_gpu: bool) -> Mode:
    """Draw the way in which a node fails; one without GPUs does not fail by them."""
    able = [mode for mode in MODES if has_gpu or mode is not GPU]
    at = rng.random() * sum(mode.share for mode in able)
    for mode in able:
        at -= mode.share
        if at < 0:
            return mode
    return able[-1]


def draw_lead(mode: Mode, rng: np.random.Generator) -> float:
    """Draw how many hours before the failure its precursor begins."""
    return min(max(mode.lead.draw(rng), SHORTEST_LEAD), LONGEST_LEAD)
