from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from data.simulator.history.failure_modes import Symptom
from data.simulator.history.jobs import draw_jobs
from data.simulator.history.layout import CPU_NODE, GPU_NODE, Hardware, draw_node
from data.simulator.history.node_life import NodeLife, Precursor
from data.simulator.signals.climate import COLDEST, HOTTEST, room_temperature
from data.simulator.signals.gauges import (
    LAG_HOURS,
    MAX_FAN_SPEED,
    METRICS,
    THROTTLE_TEMP,
    SensorInputs,
    _lagged,
    simulate_gauges,
)
from data.simulator.signals.symptoms import severities
from tests.data.simulator.plans import plan

if TYPE_CHECKING:
    from data.simulator.history.arrays import Floats

PLAN = plan(days=60)
TIMES = PLAN.sample_times()
LATE = (TIMES > 700.0) & (TIMES < 900.0)  # the end of the precursor


def gauges(symptom: Symptom = Symptom.NONE, hardware: Hardware = GPU_NODE) -> dict[str, Floats]:
    node = replace(draw_node(PLAN, 0), hardware=hardware, since=0.0, until=float("inf"))
    precursor = Precursor(symptom, 400.0, 900.0, 1.0, 1.0, is_intermittent=False, ends_in_failure=True)
    jobs = draw_jobs(PLAN, node, NodeLife((), ()))
    inputs = SensorInputs(node, TIMES, room_temperature(PLAN, TIMES), jobs, severities([precursor], TIMES), PLAN.step)
    return simulate_gauges(inputs, np.random.default_rng(0))


HEALTHY = gauges()


@pytest.mark.parametrize("symptom", list(Symptom))
def test_every_gauge_stays_in_its_physical_range(symptom: Symptom) -> None:
    values = gauges(symptom)
    assert values["inlet_temp"].min() >= COLDEST
    assert values["inlet_temp"].max() <= HOTTEST
    assert (values["cpu_temp"] >= values["inlet_temp"]).all()
    assert values["cpu_temp"].max() <= THROTTLE_TEMP + 0.5
    assert (values["gpu_temp"] > values["inlet_temp"]).all()
    assert values["gpu_temp"].max() < 100
    assert 0 < values["fan_rpm"].min() < values["fan_rpm"].max() < 1.2 * MAX_FAN_SPEED * GPU_NODE.fan_rpm
    assert 0 <= values["load"].min() < values["load"].max() <= 100
    assert 0 <= values["memory_used"].min() < values["memory_used"].max() <= 100
    assert 10.5 < values["psu_voltage"].min() < values["psu_voltage"].max() < 12.6


def test_load_determines_power_and_power_determines_heat() -> None:
    values = gauges(hardware=CPU_NODE)
    assert np.corrcoef(values["load"], values["power"])[0, 1] > 0.95
    assert np.corrcoef(values["load"], values["cpu_temp"])[0, 1] > 0.8
    assert np.isnan(values["gpu_temp"]).all()
    idle, busy = values["load"] < 10, values["load"] > 80
    assert values["cpu_temp"][busy].mean() - values["cpu_temp"][idle].mean() > 10
    assert values["power"][busy].mean() > 1.5 * values["power"][idle].mean()


@pytest.mark.parametrize(
    ("symptom", "metric", "change"),
    [
        (Symptom.THERMAL, "cpu_temp", 3.0),
        (Symptom.FAN, "fan_rpm", -1500.0),
        (Symptom.FAN, "cpu_temp", 3.0),
        (Symptom.POWER, "psu_voltage", -0.2),
        (Symptom.LEAK, "memory_used", 20.0),
    ],
)
def test_a_precursor_is_visible_in_its_metrics(symptom: Symptom, metric: str, change: float) -> None:
    difference = gauges(symptom)[metric] - HEALTHY[metric]
    assert np.abs(difference[TIMES < 400]).max() == pytest.approx(0.0, abs=1e-9)
    assert np.abs(difference[TIMES > 910]).max() == pytest.approx(0.0, abs=1e-4)
    assert difference[LATE].mean() / change > 1.0


def test_the_step_response_of_a_first_order_system_follows_the_formula() -> None:
    step = 0.01
    times = np.arange(1, 200) * step
    response = _lagged(np.where(times > 0.5, 10.0, 0.0), step)
    after = times > 0.5
    np.testing.assert_allclose(response[after], 10.0 * (1 - np.exp(-(times[after] - 0.5) / LAG_HOURS)), atol=1e-9)
    np.testing.assert_array_equal(response[~after], 0.0)


def test_a_first_order_system_starts_in_equilibrium() -> None:
    np.testing.assert_allclose(_lagged(np.full(5, 42.0), 0.1), 42.0)


def test_the_room_is_warmest_on_a_july_afternoon() -> None:
    year = replace(PLAN, days=365)
    warmest = year.to_times(year.sample_times())[np.argmax(room_temperature(year, year.sample_times()))]
    assert str(warmest)[5:7] == "07"
    assert str(warmest)[11:13] == "15"


def test_every_metric_has_a_unit_and_a_unique_name() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS) == 15
    assert all(metric.unit for metric in METRICS)
