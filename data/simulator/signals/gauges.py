"""The metrics that a simulated node reports: their kinds and units, and the physics between them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.signal import lfilter

from data.schema import Metric, MetricKind
from data.simulator.history import jobs
from data.simulator.history.failure_modes import Symptom
from data.simulator.history.plan import RACK_NODES
from data.simulator.signals.climate import COLDEST, HOTTEST, slot_heat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from data.simulator.history.arrays import Floats
    from data.simulator.history.jobs import Jobs
    from data.simulator.history.layout import Hardware, Node

METRICS: Final = (
    Metric("inlet_temp", unit="°C", label="inlet air"),
    Metric("cpu_temp", unit="°C", label="CPU temperature"),
    Metric("gpu_temp", unit="°C", label="GPU temperature"),
    Metric("fan_rpm", unit="RPM", label="fan speed"),
    Metric("power", unit="W", label="power draw"),
    Metric("load", unit="%", idle_below=5.0),
    Metric("memory_used", unit="%", label="memory in use"),
    Metric("psu_voltage", unit="V", label="power supply voltage"),
    Metric("disk_wear", unit="%", label="disk wear"),
    Metric("disk_reallocated", MetricKind.COUNTER, unit="sectors", label="reallocated disk sectors"),
    Metric("ecc_correctable", MetricKind.COUNTER, unit="errors", label="corrected memory errors"),
    Metric("gpu_errors", MetricKind.COUNTER, unit="errors", label="GPU errors"),
    Metric("network_errors", MetricKind.COUNTER, unit="errors", label="network errors"),
    Metric("boot_time", MetricKind.BOOT_TIME, unit="s"),
    Metric("samples", MetricKind.COUNT, unit="samples"),
)

LAG_HOURS: Final = 0.15  # thermal time constant of heat sink and chassis
FAN_FROM: Final = 48.0  # °C of CPU at which fans speed up
FAN_GAIN: Final = 0.016  # of their base speed, for each °C above
FASTEST: Final = 1.9
SLOWEST: Final = 0.25
AIRFLOW: Final = 0.55  # thermal resistance falls with the fans' speed to this power
THROTTLE: Final = 96.0  # °C; a CPU slows down rather than get hotter
GPU_RESISTANCE: Final = 0.028  # °C per watt of GPUs
FAN_WATTS: Final = 22.0
PASTE: Final = 0.75  # how much more thermal resistance at worst
FAN_LOSS: Final = 0.6  # of speed, at worst
RAIL: Final = 12.1
DROOP: Final = 0.16  # volts, at full power
SAG: Final = 0.45  # volts, of a supply that is about to fail
LEAK: Final = 75.0  # % of memory, at worst


@dataclass(frozen=True, slots=True)
class Body:
    """What one node is and does at some times: its air, its jobs, and how bad each symptom is."""

    node: Node
    times: Floats
    air: Floats
    jobs: Jobs
    severity: Mapping[Symptom, Floats]
    step: float


def levels(body: Body, rng: np.random.Generator) -> dict[str, Floats]:
    """Give the gauges: load makes power, power makes heat, heat turns the fans, and air carries it off."""
    hardware, bad = body.node.hardware, body.severity
    busy = jobs.at_times(body.jobs, body.jobs.cpu, body.times)
    gpu = jobs.at_times(body.jobs, body.jobs.gpu, body.times)
    noise = rng.standard_normal((6, len(body.times)))
    inlet = np.clip(
        body.air + slot_heat(body.node.slot / (RACK_NODES - 1)) + body.node.inlet + 0.25 * noise[0], COLDEST, HOTTEST
    )
    load = np.clip(busy + 0.02 * np.abs(noise[1]), 0.0, 1.0)
    cpu_watts = hardware.cpu_watts * (0.25 + 0.75 * load)
    heat = _lagged(cpu_watts * _resistance(body), body.step)
    fans = _fans(inlet + heat, body) * (1.0 + 0.01 * noise[2])
    cpu_temp = np.minimum(inlet + heat * fans**-AIRFLOW + 0.4 * noise[3], THROTTLE + 0.5 * np.tanh(noise[3]))
    found = {
        "inlet_temp": inlet,
        "cpu_temp": np.maximum(cpu_temp, inlet),
        "gpu_temp": _gpu_temp(hardware, gpu, inlet, fans, body),
        "fan_rpm": hardware.fan_rpm * fans,
        "power": hardware.idle_watts + cpu_watts + hardware.gpu_watts * gpu + FAN_WATTS * fans**3 + 3.0 * noise[4],
        "load": 100.0 * load,
        "memory_used": _memory(body, bad[Symptom.LEAK]),
    }
    share = found["power"] / (hardware.idle_watts + hardware.cpu_watts + hardware.gpu_watts)
    sag = bad[Symptom.POWER] * (SAG + 0.12 * noise[5])
    return {**found, "psu_voltage": RAIL - DROOP * share - sag + 0.012 * noise[5]}


def _resistance(body: Body) -> Floats:
    own = body.node.hardware.resistance * body.node.resistance
    return own * (1.0 + PASTE * body.severity[Symptom.THERMAL])


def _lagged(target: Floats, step: float) -> Floats:
    """Follow a target as a first-order system does; it starts in balance."""
    keep = math.exp(-step / LAG_HOURS)
    start = np.array([keep * target[0]]) if len(target) else np.zeros(1)
    return np.asarray(lfilter([1.0 - keep], [1.0, -keep], target, zi=start)[0], dtype=np.float64)


def _fans(wanted_for: Floats, body: Body) -> Floats:
    """Give the fans' speed as a share of their base: they answer to the temperature at base speed."""
    asked = np.minimum(1.0 + FAN_GAIN * np.maximum(wanted_for - FAN_FROM, 0.0), FASTEST)
    return np.maximum(body.node.fan * asked * (1.0 - FAN_LOSS * body.severity[Symptom.FAN]), SLOWEST)


def _gpu_temp(hardware: Hardware, gpu: Floats, inlet: Floats, fans: Floats, body: Body) -> Floats:
    if hardware.gpu_watts == 0:
        return np.full(len(inlet), np.nan)
    heat = _lagged(hardware.gpu_watts * (0.15 + 0.85 * gpu), body.step) * GPU_RESISTANCE
    return inlet + 4.0 + heat * fans**-AIRFLOW


def _memory(body: Body, leak: Floats) -> Floats:
    used = 6.0 + 50.0 * jobs.at_times(body.jobs, body.jobs.memory, body.times)
    return np.minimum(used + LEAK * leak, 99.5)
