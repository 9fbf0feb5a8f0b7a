from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.schema import AVAILABLE_AT, NODE, TS, Metric, MetricKind
from features.grid import to_numpy
from pipelines.report.values.metric_traces import Lens, Trace, mean, moved_most, quantiles, thinned
from tests.features.fleets import DAY, START, Fleet
from tests.models.replays import made_up

NODES = tuple(f"n{number:03d}" for number in range(30))
FROM, TO = to_numpy(START + 5 * DAY), to_numpy(START + 20 * DAY)


def lens(fleet: Fleet, names: tuple[str, ...] = NODES, node: str = "n003") -> Lens:
    return Lens(fleet.view(), names, node, FROM, TO)


def test_a_gauge_is_the_mean_of_each_bucket_beside_the_fleets_quantiles() -> None:
    fleet = replace(made_up(), telemetry=made_up().telemetry.with_columns(pl.col(TS).alias(AVAILABLE_AT)))
    (told,) = lens(fleet).traces([fleet.metrics[0]])
    bucket = ((pl.col(TS).dt.timestamp("us") + 21_600_000_000 - 1) // 21_600_000_000 * 21_600_000_000).alias("end")
    oracle = fleet.telemetry.group_by(NODE, bucket).agg(pl.col("temperature").drop_nans().mean())
    own = dict(oracle.filter(pl.col(NODE) == "n003").select("end", "temperature").iter_rows())
    ends = told.times.astype(np.int64).tolist()
    assert len(ends) == 61
    for end, value in zip(ends, told.value.tolist(), strict=True):
        assert value == pytest.approx(own.get(end) if own.get(end) is not None else np.nan, nan_ok=True)
    fleet_at = oracle.filter(pl.col("end") == ends[30])["temperature"].drop_nulls().to_numpy()
    assert (told.low[30], told.middle[30], told.high[30]) == pytest.approx(np.quantile(fleet_at, (0.1, 0.5, 0.9)))


def test_every_kind_of_metric_is_drawn_in_its_unit() -> None:
    told = {trace.metric.name: trace for trace in lens(made_up()).traces(made_up().metrics)}
    assert [(name, trace.label, trace.unit) for name, trace in told.items()] == [
        ("temperature", "temperature", "°C"),
        ("ecc", "ecc: increase in 6h", "errors"),
        ("seen_n", "seen_n", "samples"),
        ("boot", "boot: time since boot", "h"),
        ("hours", "hours", "h"),
        ("reallocated", "reallocated", "sectors"),
        ("power_on", "power_on", "h"),
        ("pending", "pending", "sectors"),
    ]
    for trace in told.values():
        assert len(trace.times) == len(trace.value) == len(trace.high)
        known = np.isfinite(trace.low) & np.isfinite(trace.high)
        assert known.any()
        assert (trace.low[known] <= trace.middle[known]).all()
        assert (trace.middle[known] <= trace.high[known]).all()
    assert np.nanmin(told["boot"].value) >= 0
    running = told["power_on"].value
    assert np.diff(running[np.isfinite(running)]) == pytest.approx(6.0, abs=12.0)  # a clock that runs on


def test_a_held_value_stays_until_the_next_change() -> None:
    metric = Metric("errors", MetricKind.COUNTER, "on_change")
    rows = [("a", START + day * DAY, START + day * DAY, value) for day, value in ((1, 2.0), (8, 7.0))]
    telemetry = pl.DataFrame(rows, schema=[NODE, TS, AVAILABLE_AT, "errors"], orient="row").with_columns(
        pl.col(TS, AVAILABLE_AT).cast(pl.Datetime("us", "UTC"))
    )
    fleet = Fleet(made_up().events, made_up().nodes, made_up().blind, telemetry, (metric,))
    (told,) = lens(fleet, ("a", "b"), "a").traces([metric])
    assert told.value.tolist() == [2.0] * 3 + [7.0] * 13
    assert told.middle.tolist() == told.value.tolist()  # b never reported


def test_a_node_that_never_reported_has_no_line() -> None:
    told = lens(made_up(), (*NODES, "z"), "z").traces(made_up().metrics)
    assert all(np.isnan(trace.value).all() for trace in told)
    assert all(trace.movement(TO) == 0 for trace in told)


def test_no_metric_has_no_trace_and_no_time_no_points() -> None:
    assert lens(made_up()).traces([]) == []
    (told,) = Lens(made_up().view(), NODES, "n003", FROM, FROM - 1).traces([made_up().metrics[0]])
    assert len(told.times) == 0


@given(st.integers(1, 9), st.integers(0, 40))
def test_thinning_averages_what_is_there(group: int, count: int) -> None:
    rng = np.random.default_rng(count)
    values = rng.normal(size=(3, count))
    values[rng.random(values.shape) < 0.3] = np.nan
    told = thinned(values, group)
    assert told.shape == (3, count // group)
    for at in range(told.shape[1]):
        for row in range(3):
            part = values[row, at * group : (at + 1) * group]
            assert told[row, at] == pytest.approx(mean(part), nan_ok=True)


def test_quantiles_of_nothing_are_unknown() -> None:
    assert np.isnan(quantiles(np.full((4, 2), np.nan))).all()
    assert quantiles(np.zeros((0, 2))).shape == (3, 2)


def trace(name: str, step: float, kind: MetricKind = MetricKind.GAUGE) -> Trace:
    """A metric that stands still, and jumps a day before the end, in a fleet that spreads over 2.56."""
    times = to_numpy(START) + np.arange(20) * np.timedelta64(86_400_000_000, "us")
    flat = np.zeros(20)
    value = np.where(np.arange(20) > 16, step, 0.0)
    return Trace(Metric(name, kind), name, "", times, value, flat - 1.28, flat, flat + 1.28)


def test_movement_is_told_in_the_fleets_spreads() -> None:
    moment = trace("a", 3.0).times[-1]
    assert trace("a", 3.0).movement(moment) == pytest.approx(3.0)
    assert trace("a", -3.0).movement(moment) == pytest.approx(3.0)
    assert trace("a", 0.0).movement(moment) == 0
    everyone = replace(trace("a", 3.0), middle=trace("a", 3.0).value)
    assert everyone.movement(moment) == 0  # the whole fleet moved


def test_what_moved_most_comes_first_and_each_thing_once() -> None:
    many = [
        trace("power_mean", 1.0),
        trace("power_max", 2.0),
        trace("cpu_n", 5.0, MetricKind.COUNT),
        trace("boot_n", 4.0, MetricKind.COUNT),
        trace("still", 0.01),
        trace("temperature", 3.0),
    ]
    picked = moved_most(many, many[0].times[-1], 4)
    assert [one.metric.name for one in picked] == ["cpu_n", "temperature", "power_max"]
    assert [one.metric.name for one in moved_most(many, many[0].times[-1], 1)] == ["cpu_n"]
