from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.simulator.history.failure_modes import Symptom
from data.simulator.history.jobs import draw_jobs
from data.simulator.history.layout import lay_out
from data.simulator.history.node_life import Down, Life, Precursor
from data.simulator.signals.climate import room
from data.simulator.signals.counters import _summed, boot_times, counts
from data.simulator.signals.gauges import Body
from data.simulator.signals.symptoms import severities
from tests.data.simulator.plans import plan

PLAN = plan(nodes=40, days=60)
TIMES = PLAN.grid()
DOWNS = (Down(900.0, 910.0, "failure", "disk", Symptom.DISK), Down(1200.0, 1201.0, "failure", "cpu"))
COUNTERS = ("ecc_correctable", "gpu_errors", "network_errors", "disk_reallocated")


def body(symptom: Symptom) -> Body:
    node = lay_out(PLAN, 25)  # the second rack holds GPUs
    bad = Precursor(symptom, 600.0, 900.0, 1.0, 1.0, is_fitful=False, ends_in_failure=True)
    return Body(
        node,
        TIMES,
        room(PLAN, TIMES),
        draw_jobs(PLAN, node, Life((), ())),
        severities([bad], TIMES),
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
def test_errors_escalate_before_the_failure(symptom: Symptom, metric: str, least: int) -> None:
    found = counts(body(symptom), DOWNS, np.random.default_rng(0))[metric]
    before, early, late = (found[np.searchsorted(TIMES, at)] for at in (600.0, 750.0, 899.0))
    assert late - early > early - before
    assert late - before > least


def test_counters_only_rise_but_where_a_boot_or_a_new_disk_zeroes_them() -> None:
    found = counts(body(Symptom.MEMORY), DOWNS, np.random.default_rng(0))
    for metric in COUNTERS:
        resets = {910.0, 1201.0} if metric != "disk_reallocated" else {910.0}
        falls = TIMES[1:][np.diff(found[metric]) < 0]
        assert set(falls) <= resets
    assert set(TIMES[1:][np.diff(found["disk_wear"]) < 0]) == {910.0}


def test_a_node_without_gpus_counts_none_of_their_errors() -> None:
    node = lay_out(PLAN, 0)
    plain = body(Symptom.NONE)
    found = counts(Body(node, TIMES, plain.air, plain.jobs, plain.severity, PLAN.step), (), np.random.default_rng(0))
    assert np.isnan(found["gpu_errors"]).all()


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=40), st.lists(st.integers(0, 45), unique=True), st.integers(0, 9)
)
def test_sums_start_anew_after_each_reset(steps: list[int], resets: list[int], before: int) -> None:
    times, resets = np.arange(len(steps), dtype=np.float64), sorted(resets)
    found = _summed(np.array(steps, dtype=np.float64), times, resets, float(before))
    group = np.searchsorted(np.array(resets, dtype=np.float64), times, side="right")
    expected = pd.Series(steps, dtype=float).groupby(group).cumsum() + np.where(group == 0, before, 0)
    np.testing.assert_array_equal(found, expected)


def test_the_boot_time_is_that_of_the_last_repair() -> None:
    found = boot_times(body(Symptom.NONE), DOWNS, uptime=100.0)
    assert found[0] == pytest.approx(body(Symptom.NONE).node.since - 100.0)
    assert all(one <= other for one, other in pairwise(found))
    assert set(found[TIMES >= 1201.0]) == {1201.0}
