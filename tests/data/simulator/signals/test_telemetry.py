from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from data.schema import NODE, TS, UTC
from data.simulator.history.jobs import draw_jobs
from data.simulator.history.layout import lay_out
from data.simulator.history.node_life import Down, Life
from data.simulator.history.site_events import Span
from data.simulator.signals.climate import room
from data.simulator.signals.gauges import METRICS
from data.simulator.signals.telemetry import is_heard, measure
from tests.data.simulator.plans import START, plan

PLAN = plan(days=40)
TIMES = PLAN.grid()
NODE_0 = replace(lay_out(PLAN, 0), since=0.0, until=float("inf"))
DOWN, BLIND = Down(100.0, 150.0, "failure", "cpu"), Span(300.5, 310.5)


def rows() -> pl.DataFrame:
    life = Life((DOWN,), ())
    return measure(PLAN, NODE_0, life, draw_jobs(PLAN, NODE_0, life), (room(PLAN, TIMES), (BLIND,)))


def hours(frame: pl.DataFrame) -> np.ndarray:
    return (frame[TS] - START).dt.total_seconds().to_numpy() / 3600.0


def test_the_columns_are_those_of_telemetry() -> None:
    found = rows()
    assert found.columns == [NODE, TS, *(metric.name for metric in METRICS)]
    assert found.schema[TS] == UTC
    assert found.schema["boot_time"] == pl.Float64
    assert found.schema["cpu_temp"] == pl.Float32
    assert found[NODE].unique().to_list() == ["sim-00000-00"]


def test_nothing_is_heard_while_the_node_is_down_or_nobody_listens() -> None:
    at = hours(rows())
    assert not ((at >= DOWN.start) & (at < DOWN.end)).any()
    assert not ((at >= BLIND.start) & (at < BLIND.end)).any()
    assert len(at) == pytest.approx(len(TIMES) - 60, abs=10)  # a few rows are lost on the way
    assert (np.diff(at) > 0).all()


def test_nothing_is_heard_of_a_node_that_is_not_there() -> None:
    guest = replace(NODE_0, since=200.0, until=700.0)
    heard = TIMES[is_heard(guest, Life((), ()), (), TIMES)]
    assert heard.min() > 200.0
    assert heard.max() < 700.0


def test_the_boot_time_is_told_to_the_second_after_a_repair() -> None:
    found = rows().filter(pl.col(TS) > START + timedelta(hours=150))
    assert found["boot_time"].unique().to_list() == [(START + timedelta(hours=150)).timestamp()]


def test_a_sample_stands_for_as_many_readings_as_fit_in_it() -> None:
    samples = rows()["samples"].to_numpy()  # an hour of one every 20 s
    assert (samples <= 180).all()
    assert samples.mean() == pytest.approx(180, rel=0.01)
