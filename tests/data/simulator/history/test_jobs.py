from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.simulator.history import jobs
from data.simulator.history.jobs import CANCELLED, NODE_FAIL, RUNNING, at_times, draw_jobs
from data.simulator.history.layout import lay_out
from data.simulator.history.node_life import Down, Life
from tests.data.simulator.plans import plan

PLAN = plan(days=120)
DOWNS = (Down(200.0, 230.0, "failure", "cpu"), Down(500.0, 505.0, "maintenance", "planned"))
NODE = replace(lay_out(PLAN, 3), since=0.0, until=float("inf"))
JOBS = draw_jobs(PLAN, NODE, Life(DOWNS, ()))


def test_jobs_follow_each_other_and_never_run_on_a_node_that_is_down() -> None:
    ends = np.where(np.isnan(JOBS.end), np.inf, JOBS.end)
    assert (JOBS.start < ends).all()
    assert (ends[:-1] <= JOBS.start[1:]).all()
    for down in DOWNS:
        assert not ((JOBS.start < down.end) & (ends > down.start)).any()


def test_what_runs_when_a_node_goes_down_ends_there() -> None:
    for down, outcome in zip(DOWNS, (NODE_FAIL, CANCELLED), strict=True):
        at = np.flatnonzero(JOBS.end == down.start)
        assert [JOBS.outcome[index] for index in at] in ([outcome], [])
    found = {
        outcome for index in range(30) for outcome in draw_jobs(PLAN, lay_out(PLAN, index), Life(DOWNS, ())).outcome
    }
    assert {NODE_FAIL, CANCELLED, RUNNING, jobs.COMPLETED, jobs.FAILED} == found


def test_load_is_that_of_the_job_that_runs_then() -> None:
    times = np.linspace(0.0, PLAN.hours, 500)
    found = at_times(JOBS, JOBS.cpu, times)
    ends = np.where(np.isnan(JOBS.end), np.inf, JOBS.end)
    for at, load in zip(times, found, strict=True):
        on = (JOBS.start <= at) & (at < ends)
        assert load == pytest.approx(float(JOBS.cpu[on].sum()))


def test_a_node_without_jobs_is_idle() -> None:
    silent = draw_jobs(PLAN, replace(NODE, since=0.0, until=0.0), Life((), ()))
    assert not len(silent.start)
    np.testing.assert_array_equal(at_times(silent, silent.cpu, np.arange(3.0)), np.zeros(3))


def test_nodes_are_busier_by_day_than_by_night() -> None:
    starts = np.concatenate([draw_jobs(PLAN, lay_out(PLAN, index), Life((), ())).start for index in range(20)])
    hour = starts % 24
    assert ((hour > 8) & (hour < 16)).sum() > 1.05 * ((hour < 4) | (hour > 20)).sum()
