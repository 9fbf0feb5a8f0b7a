from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.simulator.history import jobs
from data.simulator.history.jobs import CANCELLED, NODE_FAIL, RUNNING, draw_jobs, usage_at
from data.simulator.history.layout import draw_node
from data.simulator.history.node_life import Downtime, NodeLife
from tests.data.simulator.plans import plan

PLAN = plan(days=120)
DOWNTIMES = (Downtime(200.0, 230.0, "failure", "cpu"), Downtime(500.0, 505.0, "maintenance", "planned"))
NODE = replace(draw_node(PLAN, 3), since=0.0, until=float("inf"))
JOBS = draw_jobs(PLAN, NODE, NodeLife(DOWNTIMES, ()))


def test_jobs_follow_each_other_and_never_run_on_a_node_that_is_down() -> None:
    ends = np.where(np.isnan(JOBS.end), np.inf, JOBS.end)
    assert (JOBS.start < ends).all()
    assert (ends[:-1] <= JOBS.start[1:]).all()
    for down in DOWNTIMES:
        assert not ((JOBS.start < down.end) & (ends > down.start)).any()


def test_a_running_job_ends_when_its_node_goes_down() -> None:
    for down, outcome in zip(DOWNTIMES, (NODE_FAIL, CANCELLED), strict=True):
        ending = np.flatnonzero(JOBS.end == down.start)
        assert [JOBS.outcome[index] for index in ending] in ([outcome], [])
    outcomes = {
        outcome
        for index in range(30)
        for outcome in draw_jobs(PLAN, draw_node(PLAN, index), NodeLife(DOWNTIMES, ())).outcome
    }
    assert {NODE_FAIL, CANCELLED, RUNNING, jobs.COMPLETED, jobs.FAILED} == outcomes


def test_usage_is_that_of_the_running_job() -> None:
    times = np.linspace(0.0, PLAN.hours, 500)
    usage = usage_at(JOBS, JOBS.cpu, times)
    assert 0 < np.count_nonzero(usage) < len(usage) == 500
    ends = np.where(np.isnan(JOBS.end), np.inf, JOBS.end)
    for time, share in zip(times, usage, strict=True):
        is_running = (JOBS.start <= time) & (time < ends)
        assert share == pytest.approx(float(JOBS.cpu[is_running].sum()))


def test_a_node_without_jobs_is_idle() -> None:
    none = draw_jobs(PLAN, replace(NODE, since=0.0, until=0.0), NodeLife((), ()))
    assert not len(none.start)
    np.testing.assert_array_equal(usage_at(none, none.cpu, np.arange(3.0)), np.zeros(3))


def test_nodes_are_busier_by_day_than_by_night() -> None:
    starts = np.concatenate([draw_jobs(PLAN, draw_node(PLAN, index), NodeLife((), ())).start for index in range(20)])
    hour = starts % 24
    assert ((hour > 8) & (hour < 16)).sum() > 1.05 * ((hour < 4) | (hour > 20)).sum()
