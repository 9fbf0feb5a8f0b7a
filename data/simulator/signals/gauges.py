"""Simulates the gauges of a node by simple physics, and describes all metrics that it reports."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.signal import lfilter

from data.schema import Metric, MetricKind
from data.simulator.history import jobs
from data.simulator.history.failure_modes import Symptom
from data.simulator.history.plan import NODES_PER_RACK
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
FAN_START_TEMP: Final = 48.0  # °C of the CPU, above which fans are faster
FAN_GAIN: Final = 0.016  # of their base speed, for each °C above that
MAX_FAN_SPEED: Final = 1.9
MIN_FAN_SPEED: Final = 0.25
AIRFLOW: Final = 0.55  # thermal resistance falls with the fans' speed to this power
THROTTLE_TEMP: Final = 96.0  # °C, which a CPU does not exceed because it slows down
GPU_RESISTANCE: Final = 0.028  # °C per watt of GPUs
FAN_WATTS: Final = 22.0
RESISTANCE_RISE: Final = 0.75  # added share of thermal resistance at the largest severity
FAN_LOSS: Final = 0.6  # lost share of speed at the largest severity
RAIL: Final = 12.1
DROOP: Final = 0.16  # volts, at full power
SAG: Final = 0.45  # volts, of a power supply that is about to fail
LEAK: Final = 75.0  # % of memory, at the largest severity


@dataclass(frozen=True, slots=True)
class SensorInputs:
    """What determines a node's sensors at some times: hardware, air temperature, jobs and severity of each symptom."""

    node: Node
    times: Floats
    air: Floats
    jobs: Jobs
    severity: Mapping[Symptom, Floats]
    step: float


def simulate_gauges(inputs: SensorInputs, rng: np.random.Generator) -> dict[str, Floats]:
    """Return the gauges: load determines power, power determines heat, and heat determines the fans that remove it."""
    hardware, severity = inputs.node.hardware, inputs.severity
    busy = jobs.usage_at(inputs.jobs, inputs.jobs.cpu, inputs.times)
    gpu = jobs.usage_at(inputs.jobs, inputs.jobs.gpu, inputs.times)
    noise = rng.standard_normal((6, len(inputs.times)))
    inlet = np.clip(
        inputs.air + slot_heat(inputs.node.slot / (NODES_PER_RACK - 1)) + inputs.node.inlet + 0.25 * noise[0],
        COLDEST,
        HOTTEST,
    )
    load = np.clip(busy + 0.02 * np.abs(noise[1]), 0.0, 1.0)
    cpu_watts = hardware.cpu_watts * (0.25 + 0.75 * load)
    heat = _lagged(cpu_watts * _resistance(inputs), inputs.step)
    fans = _fans(inlet + heat, inputs) * (1.0 + 0.01 * noise[2])
    cpu_temp = np.minimum(inlet + heat * fans**-AIRFLOW + 0.4 * noise[3], THROTTLE_TEMP + 0.5 * np.tanh(noise[3]))
    gauges = {
        "inlet_temp": inlet,
        "cpu_temp": np.maximum(cpu_temp, inlet),
        "gpu_temp": _gpu_temp(hardware, gpu, inlet, fans, inputs),
        "fan_rpm": hardware.fan_rpm * fans,
        "power": hardware.idle_watts + cpu_watts + hardware.gpu_watts * gpu + FAN_WATTS * fans**3 + 3.0 * noise[4],
        "load": 100.0 * load,
        "memory_used": _memory(inputs, severity[Symptom.LEAK]),
    }
    share = gauges["power"] / (hardware.idle_watts + hardware.cpu_watts + hardware.gpu_watts)
    sag = severity[Symptom.POWER] * (SAG + 0.12 * noise[5])
    return {**gauges, "psu_voltage": RAIL - DROOP * share - sag + 0.012 * noise[5]}


def _resistance(inputs: SensorInputs) -> Floats:
    healthy = inputs.node.hardware.resistance * inputs.node.resistance
    return healthy * (1.0 + RESISTANCE_RISE * inputs.severity[Symptom.THERMAL])


def _lagged(target: Floats, step: float) -> Floats:
    """Return the response of a first-order system to a target; it starts in equilibrium."""
    keep = math.exp(-step / LAG_HOURS)
    start = np.array([keep * target[0]]) if len(target) else np.zeros(1)
    return np.asarray(lfilter([1.0 - keep], [1.0, -keep], target, zi=start)[0], dtype=np.float64)


def _fans(temperature: Floats, inputs: SensorInputs) -> Floats:
    """Return the speed of the fans as a share of their base speed, by the temperature at base speed."""
    target = np.minimum(1.0 + FAN_GAIN * np.maximum(temperature - FAN_START_TEMP, 0.0), MAX_FAN_SPEED)
    return np.maximum(inputs.node.fan * target * (1.0 - FAN_LOSS * inputs.severity[Symptom.FAN]), MIN_FAN_SPEED)


def _gpu_temp(hardware: Hardware, gpu: Floats, inlet: Floats, fans: Floats, inputs: SensorInputs) -> Floats:
    if hardware.gpu_watts == 0:
        return np.full(len(inlet), np.nan)
    heat = _lagged(hardware.gpu_watts * (0.15 + 0.85 * gpu), inputs.step) * GPU_RESISTANCE
    return inlet + 4.0 + heat * fans**-AIRFLOW


def _memory(inputs: SensorInputs, leak: Floats) -> Floats:
    used = 6.0 + 50.0 * jobs.usage_at(inputs.jobs, inputs.jobs.memory, inputs.times)
    return np.minimum(used + LEAK * leak, 99.5)
