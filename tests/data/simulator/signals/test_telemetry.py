from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from data.schema import NODE, TS, UTC
from data.simulator.history.jobs import draw_jobs
from data.simulator.history.layout import draw_node
from data.simulator.history.node_life import Downtime, NodeLife
from data.simulator.history.site_events import HourSpan
from data.simulator.signals.climate import room_temperature
from data.simulator.signals.gauges import METRICS
from data.simulator.signals.telemetry import is_received, simulate_telemetry
from tests.data.simulator.plans import START, plan

PLAN = plan(days=40)
TIMES = PLAN.sample_times()
NODE_0 = replace(draw_node(PLAN, 0), since=0.0, until=float("inf"))
DOWN, BLIND = Downtime(100.0, 150.0, "failure", "cpu"), HourSpan(300.5, 310.5)


def rows() -> pl.DataFrame:
    life = NodeLife((DOWN,), ())
    return simulate_telemetry(
        PLAN, NODE_0, life, draw_jobs(PLAN, NODE_0, life), (room_temperature(PLAN, TIMES), (BLIND,))
    )


def hours(frame: pl.DataFrame) -> np.ndarray:
    return (frame[TS] - START).dt.total_seconds().to_numpy() / 3600.0


def test_the_columns_are_those_of_telemetry() -> None:
    telemetry = rows()
    assert telemetry.columns == [NODE, TS, *(metric.name for metric in METRICS)]
    assert telemetry.schema[TS] == UTC
    assert telemetry.schema["boot_time"] == pl.Float64
    assert telemetry.schema["cpu_temp"] == pl.Float32
    assert telemetry[NODE].unique().to_list() == ["sim-00000-00"]


def test_no_row_is_received_while_the_node_or_its_collector_is_down() -> None:
    times = hours(rows())
    assert not ((times >= DOWN.start) & (times < DOWN.end)).any()
    assert not ((times >= BLIND.start) & (times < BLIND.end)).any()
    assert len(times) == pytest.approx(len(TIMES) - 60, abs=10)  # a few rows are lost in transit
    assert (np.diff(times) > 0).all()


def test_no_row_is_received_of_a_node_that_is_not_observed() -> None:
    temporary = replace(NODE_0, since=200.0, until=700.0)
    received = TIMES[is_received(temporary, NodeLife((), ()), (), TIMES)]
    assert received.min() > 200.0
    assert received.max() < 700.0


def test_the_boot_time_after_a_repair_is_exact_to_the_second() -> None:
    after = rows().filter(pl.col(TS) > START + timedelta(hours=150))
    assert after["boot_time"].unique().to_list() == [(START + timedelta(hours=150)).timestamp()]


def test_a_sample_aggregates_the_readings_of_its_interval() -> None:
    samples = rows()["samples"].to_numpy()  # an hour of readings every 20 s
    assert (samples <= 180).all()
    assert samples.mean() == pytest.approx(180, rel=0.01)
