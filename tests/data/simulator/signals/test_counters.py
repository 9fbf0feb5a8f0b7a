from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.simulator.history.failure_modes import Symptom
from data.simulator.history.jobs import draw_jobs
from data.simulator.history.layout import draw_node
from data.simulator.history.node_life import Downtime, NodeLife, Precursor
from data.simulator.signals.climate import room_temperature
from data.simulator.signals.counters import _summed, boot_times, simulate_counters
from data.simulator.signals.gauges import SensorInputs
from data.simulator.signals.symptoms import severities
from tests.data.simulator.plans import plan

PLAN = plan(nodes=40, days=60)
TIMES = PLAN.sample_times()
DOWNTIMES = (Downtime(900.0, 910.0, "failure", "disk", Symptom.DISK), Downtime(1200.0, 1201.0, "failure", "cpu"))
COUNTERS = ("ecc_correctable", "gpu_errors", "network_errors", "disk_reallocated")


def inputs_with(symptom: Symptom) -> SensorInputs:
    node = draw_node(PLAN, 25)  # the second rack has GPUs
    precursor = Precursor(symptom, 600.0, 900.0, 1.0, 1.0, is_intermittent=False, ends_in_failure=True)
    return SensorInputs(
        node,
        TIMES,
        room_temperature(PLAN, TIMES),
        draw_jobs(PLAN, node, NodeLife((), ())),
        severities([precursor], TIMES),
        PLAN.step,
    )


@pytest.mark.parametrize(
    ("symptom", "metric", "least"),
    [
        (Symptom.MEMORY, "ecc_correctable", 500),
        (Symptom.GPU, "gpu_errors", 20),
        (Symptom.NETWORK, "network_errors", 1000),
        (Symptom.DISK, "disk_reallocated", 20),
    ],
)
def test_errors_accelerate_before_the_failure(symptom: Symptom, metric: str, least: int) -> None:
    counter = simulate_counters(inputs_with(symptom), DOWNTIMES, np.random.default_rng(0))[metric]
    before, early, late = (counter[np.searchsorted(TIMES, hour)] for hour in (600.0, 750.0, 899.0))
    assert late - early > early - before
    assert late - before > least


def test_counters_only_rise_except_at_a_boot_or_a_new_disk() -> None:
    counters = simulate_counters(inputs_with(Symptom.MEMORY), DOWNTIMES, np.random.default_rng(0))
    for metric in COUNTERS:
        resets = {910.0, 1201.0} if metric != "disk_reallocated" else {910.0}
        falls = TIMES[1:][np.diff(counters[metric]) < 0]
        assert set(falls) <= resets
    assert set(TIMES[1:][np.diff(counters["disk_wear"]) < 0]) == {910.0}


def test_a_node_without_gpus_has_no_gpu_errors() -> None:
    node = draw_node(PLAN, 0)
    counters = simulate_counters(replace(inputs_with(Symptom.NONE), node=node), (), np.random.default_rng(0))
    assert np.isnan(counters["gpu_errors"]).all()


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=40), st.lists(st.integers(0, 45), unique=True), st.integers(0, 9)
)
def test_sums_start_from_zero_after_each_reset(steps: list[int], resets: list[int], before: int) -> None:
    times, resets = np.arange(len(steps), dtype=np.float64), sorted(resets)
    sums = _summed(np.array(steps, dtype=np.float64), times, resets, float(before))
    group = np.searchsorted(np.array(resets, dtype=np.float64), times, side="right")
    expected = pd.Series(steps, dtype=float).groupby(group).cumsum() + np.where(group == 0, before, 0)
    np.testing.assert_array_equal(sums, expected)


def test_the_boot_time_is_that_of_the_last_repair() -> None:
    times = boot_times(inputs_with(Symptom.NONE), DOWNTIMES, uptime=100.0)
    assert times[0] == pytest.approx(inputs_with(Symptom.NONE).node.since - 100.0)
    assert len(times) == len(TIMES)
    assert (np.diff(times) >= 0).all()
    assert set(times[TIMES >= 1201.0]) == {1201.0}
