"""The nodes of a simulated fleet: racks, hardware, ages, and the differences between nodes of one model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from data.simulator.history.failure_rates import FRAILTY_SHAPE
from data.simulator.history.plan import NODES_PER_RACK, RACKS_PER_COOLING_UNIT, SimulationPlan, Stream

JOINS_SHARE: Final = 0.03  # of the nodes, which are added during the records
LEAVES_SHARE: Final = 0.015
MIN_FRAILTY: Final = 0.02


@dataclass(frozen=True, slots=True)
class Hardware:
    """A model of nodes: power in watts, thermal resistance in °C per watt of CPU, fan speed in rpm."""

    name: str
    partition: str
    idle_watts: float
    cpu_watts: float
    gpu_watts: float
    resistance: float
    fan_rpm: float


CPU_NODE: Final = Hardware("sim-c64 (2x CPU)", "cpu", 160.0, 430.0, 0.0, 0.098, 5800.0)
FAT_NODE: Final = Hardware("sim-m96 (2x CPU, 2 TB)", "memory", 240.0, 520.0, 0.0, 0.082, 6000.0)
GPU_NODE: Final = Hardware("sim-g4 (2x CPU, 4x GPU)", "gpu", 420.0, 380.0, 1200.0, 0.105, 6400.0)
RACK_MODELS: Final = (CPU_NODE, GPU_NODE, CPU_NODE, GPU_NODE, CPU_NODE, GPU_NODE, FAT_NODE)  # of consecutive racks


@dataclass(frozen=True, slots=True)
class Node:
    """A node; times are hours since the start of the records, and `until` is infinite for a node that stays.

    `frailty` multiplies the failure rate; `resistance`, `fan` and `inlet` are deviations from the model.
    """

    index: int
    hardware: Hardware
    age_days: float
    frailty: float
    resistance: float
    fan: float
    inlet: float
    since: float
    until: float

    @property
    def rack(self) -> int:
        """The number of the rack."""
        return self.index // NODES_PER_RACK

    @property
    def slot(self) -> int:
        """The position in the rack, from the bottom."""
        return self.index % NODES_PER_RACK

    @property
    def cooling_unit(self) -> int:
        """The number of the cooling unit."""
        return self.rack // RACKS_PER_COOLING_UNIT

    @property
    def name(self) -> str:
        """The name of the node; names sort like positions."""
        return f"sim-{self.rack:05d}-{self.slot:02d}"

    @property
    def has_gpu(self) -> bool:
        """Whether the node has GPUs."""
        return self.hardware.gpu_watts > 0


def draw_node(plan: SimulationPlan, index: int) -> Node:
    """Draw a node; the nodes of a rack have the same model and age."""
    rack = plan.rng(Stream.RACK, index // NODES_PER_RACK, 0)
    age = float(rack.uniform(30.0, 1500.0))
    rng = plan.rng(Stream.NODE, index)
    frailty = max(float(rng.gamma(FRAILTY_SHAPE, 1.0 / FRAILTY_SHAPE)), MIN_FRAILTY)
    move, time = float(rng.random()), float(rng.uniform(0.2, 0.8)) * plan.hours
    return Node(
        index=index,
        hardware=RACK_MODELS[index // NODES_PER_RACK % len(RACK_MODELS)],
        age_days=age,
        frailty=frailty,
        resistance=float(rng.lognormal(0.0, 0.06)),
        fan=float(rng.normal(1.0, 0.02)),
        inlet=float(rng.normal(0.0, 0.5)),
        since=time if move < JOINS_SHARE else 0.0,
        until=time if 1 - move < LEAVES_SHARE else float("inf"),
    )
