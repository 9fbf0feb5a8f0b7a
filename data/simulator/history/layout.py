"""Which nodes there are: racks, hardware, ages, and what sets one node apart from its twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from data.simulator.history.failure_rates import FRAILTY_SHAPE
from data.simulator.history.plan import RACK_NODES, UNIT_RACKS, SimulationPlan, Stream

JOINS_SHARE: Final = 0.03  # of the nodes: they come while the records run
LEAVES_SHARE: Final = 0.015
LEMON_FLOOR: Final = 0.02


@dataclass(frozen=True, slots=True)
class Hardware:
    """A model of node: powers in watts, thermal resistance in °C per watt of CPU, fans in rpm."""

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
RACK_MODELS: Final = (CPU_NODE, GPU_NODE, CPU_NODE, GPU_NODE, CPU_NODE, GPU_NODE, FAT_NODE)  # one rack after another


@dataclass(frozen=True, slots=True)
class Node:
    """One node; times in hours since the start of the records, `until` infinite for one that stays.

    `frailty` multiplies its failure rate; `resistance`, `fan` and `inlet` are its own deviations.
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
        """The rack's number."""
        return self.index // RACK_NODES

    @property
    def slot(self) -> int:
        """The place in the rack, from the floor up."""
        return self.index % RACK_NODES

    @property
    def unit(self) -> int:
        """The cooling unit's number."""
        return self.rack // UNIT_RACKS

    @property
    def name(self) -> str:
        """The node's name; names sort as the nodes stand."""
        return f"sim-{self.rack:05d}-{self.slot:02d}"

    @property
    def has_gpu(self) -> bool:
        """Say whether it has GPUs."""
        return self.hardware.gpu_watts > 0


def lay_out(plan: SimulationPlan, index: int) -> Node:
    """Draw one node; a rack holds one model, bought at one time."""
    rack = plan.rng(Stream.RACK, index // RACK_NODES, 0)
    age = float(rack.uniform(30.0, 1500.0))
    rng = plan.rng(Stream.BODY, index)
    frailty = max(float(rng.gamma(FRAILTY_SHAPE, 1.0 / FRAILTY_SHAPE)), LEMON_FLOOR)
    moves, moment = float(rng.random()), float(rng.uniform(0.2, 0.8)) * plan.hours
    return Node(
        index=index,
        hardware=RACK_MODELS[index // RACK_NODES % len(RACK_MODELS)],
        age_days=age,
        frailty=frailty,
        resistance=float(rng.lognormal(0.0, 0.06)),
        fan=float(rng.normal(1.0, 0.02)),
        inlet=float(rng.normal(0.0, 0.5)),
        since=moment if moves < JOINS_SHARE else 0.0,
        until=moment if 1 - moves < LEAVES_SHARE else float("inf"),
    )
