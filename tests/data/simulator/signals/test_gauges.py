from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from data.simulator.history.failure_modes import Symptom
from data.simulator.history.jobs import draw_jobs
from data.simulator.history.layout import CPU_NODE, GPU_NODE, Hardware, lay_out
from data.simulator.history.node_life import Life, Precursor
from data.simulator.signals.climate import COLDEST, HOTTEST, room
from data.simulator.signals.gauges import FASTEST, LAG_HOURS, METRICS, THROTTLE, Body, _lagged, levels
from data.simulator.signals.symptoms import severities
from tests.data.simulator.plans import plan

if TYPE_CHECKING:
    from data.simulator.history.arrays import Floats

PLAN = plan(days=60)
TIMES = PLAN.grid()
ILL = (TIMES > 700.0) & (TIMES < 900.0)  # the worse end of the precursor


def gauges(symptom: Symptom = Symptom.NONE, hardware: Hardware = GPU_NODE) -> dict[str, Floats]:
    node = replace(lay_out(PLAN, 0), hardware=hardware, since=0.0, until=float("inf"))
    bad = Precursor(symptom, 400.0, 900.0, 1.0, 1.0, is_fitful=False, ends_in_failure=True)
    jobs = draw_jobs(PLAN, node, Life((), ()))
    body = Body(node, TIMES, room(PLAN, TIMES), jobs, severities([bad], TIMES), PLAN.step)
    return levels(body, np.random.default_rng(0))


WELL = gauges()


def test_every_level_stays_where_physics_keeps_it() -> None:
    for symptom in Symptom:
        found = gauges(symptom)
        assert found["inlet_temp"].min() >= COLDEST
        assert found["inlet_temp"].max() <= HOTTEST
        assert (found["cpu_temp"] >= found["inlet_temp"]).all()
        assert found["cpu_temp"].max() <= THROTTLE + 0.5
        assert (found["gpu_temp"] > found["inlet_temp"]).all()
        assert found["gpu_temp"].max() < 100
        assert 0 < found["fan_rpm"].min() < found["fan_rpm"].max() < 1.2 * FASTEST * GPU_NODE.fan_rpm
        assert 0 <= found["load"].min() < found["load"].max() <= 100
        assert 0 <= found["memory_used"].min() < found["memory_used"].max() <= 100
        assert 10.5 < found["psu_voltage"].min() < found["psu_voltage"].max() < 12.6


def test_load_makes_power_and_power_makes_heat() -> None:
    found = gauges(hardware=CPU_NODE)
    assert np.corrcoef(found["load"], found["power"])[0, 1] > 0.95
    assert np.corrcoef(found["load"], found["cpu_temp"])[0, 1] > 0.8
    assert np.isnan(found["gpu_temp"]).all()
    idle, busy = found["load"] < 10, found["load"] > 80
    assert found["cpu_temp"][busy].mean() - found["cpu_temp"][idle].mean() > 10
    assert found["power"][busy].mean() > 1.5 * found["power"][idle].mean()


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
def test_a_precursor_shows_where_a_sysadmin_would_look(symptom: Symptom, metric: str, change: float) -> None:
    difference = gauges(symptom)[metric] - WELL[metric]
    assert np.abs(difference[TIMES < 400]).max() == pytest.approx(0.0, abs=1e-9)
    assert np.abs(difference[TIMES > 910]).max() == pytest.approx(0.0, abs=1e-4)
    assert difference[ILL].mean() / change > 1.0


def test_a_first_order_system_answers_a_step_as_the_formula_says() -> None:
    step = 0.01
    times = np.arange(1, 200) * step
    answer = _lagged(np.where(times > 0.5, 10.0, 0.0), step)
    after = times > 0.5
    np.testing.assert_allclose(answer[after], 10.0 * (1 - np.exp(-(times[after] - 0.5) / LAG_HOURS)), atol=1e-9)
    np.testing.assert_array_equal(answer[~after], 0.0)


def test_a_first_order_system_starts_in_balance() -> None:
    np.testing.assert_allclose(_lagged(np.full(5, 42.0), 0.1), 42.0)


def test_the_room_is_warmest_on_a_july_afternoon() -> None:
    year = replace(PLAN, days=365)
    warmest = year.moments(year.grid())[np.argmax(room(year, year.grid()))]
    assert str(warmest)[5:7] == "07"
    assert str(warmest)[11:13] == "15"


def test_every_metric_has_a_unit_and_a_name_of_its_own() -> None:
    assert all(metric.unit for metric in METRICS)
    assert len({metric.name for metric in METRICS}) == len(METRICS) == 15
