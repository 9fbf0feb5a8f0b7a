from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.schema import AVAILABLE_AT, NODE, TS, Metric, MetricKind
from features.grid import to_numpy
from pipelines.report.values.metric_traces import Trace, TraceReader, finite_mean, fleet_quantiles, moved_most, thin
from tests.features.fleets import DAY, START, Fleet
from tests.models.replays import made_up

NODES = tuple(f"n{number:03d}" for number in range(30))
FROM, TO = to_numpy(START + 5 * DAY), to_numpy(START + 20 * DAY)


def reader(fleet: Fleet, names: tuple[str, ...] = NODES, node: str = "n003") -> TraceReader:
    return TraceReader(fleet.view(), names, node, FROM, TO)


def test_a_gauge_is_the_mean_of_each_bucket_with_the_fleets_quantiles() -> None:
    fleet = replace(made_up(), telemetry=made_up().telemetry.with_columns(pl.col(TS).alias(AVAILABLE_AT)))
    (gauge,) = reader(fleet).traces([fleet.metrics[0]])
    bucket = ((pl.col(TS).dt.timestamp("us") + 21_600_000_000 - 1) // 21_600_000_000 * 21_600_000_000).alias("end")
    oracle = fleet.telemetry.group_by(NODE, bucket).agg(pl.col("temperature").drop_nans().mean())
    expected = dict(oracle.filter(pl.col(NODE) == "n003").select("end", "temperature").iter_rows())
    ends = gauge.times.astype(np.int64).tolist()
    assert len(ends) == 61
    for end, value in zip(ends, gauge.value.tolist(), strict=True):
        assert value == pytest.approx(expected.get(end) if expected.get(end) is not None else np.nan, nan_ok=True)
    fleet_at = oracle.filter(pl.col("end") == ends[30])["temperature"].drop_nulls().to_numpy()
    assert (gauge.low[30], gauge.middle[30], gauge.high[30]) == pytest.approx(np.quantile(fleet_at, (0.1, 0.5, 0.9)))


def test_every_kind_of_metric_is_traced_in_its_unit() -> None:
    traces = {trace.metric.name: trace for trace in reader(made_up()).traces(made_up().metrics)}
    assert [(name, trace.label, trace.unit) for name, trace in traces.items()] == [
        ("temperature", "temperature", "°C"),
        ("ecc", "ecc: increase in 6h", "errors"),
        ("seen_n", "seen_n", "samples"),
        ("boot", "boot: time since boot", "h"),
        ("hours", "hours", "h"),
        ("reallocated", "reallocated", "sectors"),
        ("power_on", "power_on", "h"),
        ("pending", "pending", "sectors"),
    ]
    for trace in traces.values():
        assert len(trace.times) == len(trace.value) == len(trace.high)
        is_finite = np.isfinite(trace.low) & np.isfinite(trace.high)
        assert is_finite.any()
        assert (trace.low[is_finite] <= trace.middle[is_finite]).all()
        assert (trace.middle[is_finite] <= trace.high[is_finite]).all()
    assert np.nanmin(traces["boot"].value) >= 0
    running = traces["power_on"].value
    assert np.diff(running[np.isfinite(running)]) == pytest.approx(6.0, abs=12.0)  # the clock continues between reports


def test_an_on_change_value_holds_until_the_next_change() -> None:
    metric = Metric("errors", MetricKind.COUNTER, "on_change")
    rows = [("a", START + day * DAY, START + day * DAY, value) for day, value in ((1, 2.0), (8, 7.0))]
    telemetry = pl.DataFrame(rows, schema=[NODE, TS, AVAILABLE_AT, "errors"], orient="row").with_columns(
        pl.col(TS, AVAILABLE_AT).cast(pl.Datetime("us", "UTC"))
    )
    fleet = Fleet(made_up().events, made_up().nodes, made_up().blind, telemetry, (metric,))
    (gauge,) = reader(fleet, ("a", "b"), "a").traces([metric])
    assert gauge.value.tolist() == [2.0] * 3 + [7.0] * 13
    assert gauge.middle.tolist() == gauge.value.tolist()  # b never reported


def test_a_node_that_never_reported_has_no_line() -> None:
    traces = reader(made_up(), (*NODES, "z"), "z").traces(made_up().metrics)
    assert len(traces) == len(made_up().metrics) > 0
    assert [trace for trace in traces if not np.isnan(trace.value).all()] == []
    assert {trace.movement(TO) for trace in traces} == {0}


def test_no_metric_has_no_trace_and_no_time_no_points() -> None:
    assert reader(made_up()).traces([]) == []
    (gauge,) = TraceReader(made_up().view(), NODES, "n003", FROM, FROM - 1).traces([made_up().metrics[0]])
    assert len(gauge.times) == 0


@given(st.integers(1, 9), st.integers(0, 40))
def test_thinning_averages_the_known_values(group: int, count: int) -> None:
    rng = np.random.default_rng(count)
    values = rng.normal(size=(3, count))
    values[rng.random(values.shape) < 0.3] = np.nan
    thinned = thin(values, group)
    assert thinned.shape == (3, count // group)
    for column in range(thinned.shape[1]):
        for row in range(3):
            part = values[row, column * group : (column + 1) * group]
            assert thinned[row, column] == pytest.approx(finite_mean(part), nan_ok=True)


def test_quantiles_of_nothing_are_unknown() -> None:
    assert np.isnan(fleet_quantiles(np.full((4, 2), np.nan))).all()
    assert fleet_quantiles(np.zeros((0, 2))).shape == (3, 2)


def trace(name: str, step: float, kind: MetricKind = MetricKind.GAUGE) -> Trace:
    """A metric that is constant and jumps three days before the end, in a fleet with a spread of 1."""
    times = to_numpy(START) + np.arange(20) * np.timedelta64(86_400_000_000, "us")
    flat = np.zeros(20)
    value = np.where(np.arange(20) > 16, step, 0.0)
    return Trace(Metric(name, kind), name, "", times, value, flat - 1.28, flat, flat + 1.28)


def test_movement_is_in_the_fleets_standard_deviations() -> None:
    moment = trace("a", 3.0).times[-1]
    assert trace("a", 3.0).movement(moment) == pytest.approx(3.0)
    assert trace("a", -3.0).movement(moment) == pytest.approx(3.0)
    assert trace("a", 0.0).movement(moment) == 0
    with_fleet = replace(trace("a", 3.0), middle=trace("a", 3.0).value)
    assert with_fleet.movement(moment) == 0  # the whole fleet moved


def test_what_moved_most_comes_first_and_each_quantity_once() -> None:
    traces = [
        trace("power_mean", 1.0),
        trace("power_max", 2.0),
        trace("cpu_n", 5.0, MetricKind.COUNT),
        trace("boot_n", 4.0, MetricKind.COUNT),
        trace("still", 0.01),
        trace("temperature", 3.0),
    ]
    selected = moved_most(traces, traces[0].times[-1], 4)
    assert [trace.metric.name for trace in selected] == ["cpu_n", "temperature", "power_max"]
    assert [trace.metric.name for trace in moved_most(traces, traces[0].times[-1], 1)] == ["cpu_n"]
