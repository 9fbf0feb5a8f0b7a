"""Windows over buckets: every statistic against pandas on the raw samples, late ones included."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.delta.rollup import rollup
from data.schema import BUCKET_END, LATENESS, TELEMETRY_KEYS
from features.catalogue.gauges import SLOPE, STD
from features.catalogue.idle_spells import idle_hours, idle_share, threshold_of
from features.grid import Grid, to_numpy
from features.telemetry import windows
from features.telemetry.panel import BucketLayout
from tests.features.catalogues import require_references, sampled_statistics
from tests.features.fleets import START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from features.telemetry.windows import Request

HOUR = timedelta(hours=1)
BUCKETS = 12
NAMES = ("a", "b", "c")
BELOW = 100.5
IDLE = idle_share(BELOW), idle_hours(BELOW)
ALL = (*(statistic for statistic in sampled_statistics() if threshold_of(statistic.name) is None), *IDLE)
Sample = tuple[str, int, int, float]  # node, minute, hours late, value
VALUES = st.floats(-1e3, 1e3, allow_subnormal=False) | st.sampled_from([0.0, -0.0, np.nan])


@st.composite
def samples(draw: st.DrawFn, latest: int = 0) -> list[Sample]:
    """Draw samples of node a and b; node c never reports."""
    keys = st.tuples(st.sampled_from("ab"), st.integers(-59, 60 * (BUCKETS - 1)))
    drawn = draw(st.lists(keys, unique=True, max_size=40))
    return [(node, minute, draw(st.integers(0, latest)), draw(VALUES)) for node, minute in drawn]


def table_of(drawn: Sequence[Sample]) -> pl.DataFrame:
    rows = [
        (node, START + minute * HOUR / 60, START + minute * HOUR / 60 + late * HOUR, value)
        for node, minute, late, value in drawn
    ]
    frame = pl.DataFrame(rows, schema={**TELEMETRY_KEYS, "x": pl.Float64()}, orient="row")
    return rollup(frame.with_columns(pl.col("x").fill_nan(None)), ["x"], HOUR)


def all_over(length: int) -> list[Request]:
    return [(statistic, length) for statistic in ALL]


def values_of(
    table: pl.DataFrame, requests: Sequence[Request], stops: NDArray[np.int64] | slice, names: Sequence[str] = NAMES
) -> dict[Request, NDArray[np.float64]]:
    """Compute windows that end at buckets counted from START; the grid begins 30 buckets before."""
    grid = Grid.spanning(to_numpy(START - 30 * HOUR), to_numpy(START + (BUCKETS - 1) * HOUR), HOUR)
    panel = BucketLayout.of(table, names, grid).panel(table, "x", windows.columns_of(requests))
    in_grid = slice(stops.start + 30, stops.stop + 30, stops.step) if isinstance(stops, slice) else stops + 30
    return windows.compute(panel, requests, in_grid)


def expected_of(drawn: Sequence[Sample], node: str, stop: int, length: int) -> dict[str, float]:
    """Compute every statistic of one window with pandas from the samples."""
    end, start = stop * 60, (stop - length) * 60
    window = sorted((minute, value) for name, minute, _, value in drawn if name == node and start < minute <= end)
    values = pd.Series([value for _, value in window], index=[minute for minute, _ in window], dtype=float).dropna()
    bucket = -(-values.index.to_numpy(dtype=np.int64) // 60)
    rises = values.diff().dropna()
    newest = values[values.index > end - 60]
    last = values.iloc[-1] if len(values) else np.nan
    return {
        "mean": values.mean(),
        "std": values.std(ddof=0) if len(values) > 1 else np.nan,
        "min": values.min(),
        "max": values.max(),
        "last": last,
        "increase": float(rises.where(rises >= 0, values.iloc[1:]).sum()),
        "seen": len(set(bucket)) / length,
        "slope": np.polyfit(bucket / 24, values, 1)[0] if len(set(bucket)) > 1 else np.nan,
        "change": newest.mean() - values.mean(),
        "span": (values.max() - values.min()) / 3_600,
        "uptime": (START + stop * HOUR).timestamp() / 3_600 - last / 3_600,
        **idle_values_of([sample for sample in drawn if sample[0] == node], stop, length),
    }


def idle_values_of(of_node: Sequence[Sample], stop: int, length: int) -> dict[str, float]:
    """Compute idle spells bucket by bucket: one is busy if the mean of a part that came at once is high enough."""
    parts: dict[int, dict[int, list[float]]] = {}
    for _, minute, late, value in of_node:
        bucket = -(-minute // 60)
        if stop - length < bucket <= stop and not np.isnan(value):
            parts.setdefault(bucket, {}).setdefault(late, []).append(value)
    busy = {bucket: any(np.mean(part) >= BELOW for part in parts[bucket].values()) for bucket in sorted(parts)}
    share, hours = (statistic.name for statistic in IDLE)
    if not busy:
        return dict.fromkeys((share, hours), np.nan)
    since = max((bucket for bucket in busy if busy[bucket]), default=min(busy) - 1)
    return {share: 1 - sum(busy.values()) / len(busy), hours: float(max(busy) - since)}


@settings(max_examples=40, deadline=None)
@given(samples(), st.integers(1, 30), st.integers(1, 3))
def test_every_statistic_equals_that_of_the_windows_samples(drawn: list[Sample], length: int, step: int) -> None:
    values = values_of(table_of(drawn), all_over(length), slice(0, BUCKETS, step))
    stops = range(0, BUCKETS, step)
    assert len(values) > 10
    assert len(stops) > 0
    for row, node in enumerate(NAMES):
        for column, stop in enumerate(stops):
            expected = expected_of(drawn, node, stop, length)
            of_window = {statistic.name: values[statistic, length][row, column] for statistic in ALL}
            require_references(expected, of_window)
            assert of_window == pytest.approx(expected, rel=1e-7, abs=1e-6, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(samples(latest=4), st.integers(1, 9), st.integers(0, BUCKETS - 1))
def test_late_parts_are_unknown_until_they_arrive(drawn: list[Sample], length: int, stop: int) -> None:
    table, requests = table_of(drawn), all_over(length)
    arrived = table.filter(pl.col(BUCKET_END) + pl.col(LATENESS).cast(pl.Int64) * HOUR <= START + stop * HOUR)
    in_one_pass = values_of(table, requests, np.array([*range(stop + 1), BUCKETS - 1]))
    at_the_time = values_of(arrived, requests, slice(stop, stop + 1, 1))
    assert len(in_one_pass) == len(at_the_time) > 10
    for request, values in in_one_pass.items():
        assert same_bits(values[:, stop], at_the_time[request][:, 0])


@settings(max_examples=40, deadline=None)
@given(samples(latest=4), st.integers(1, 9), st.integers(0, BUCKETS - 1))
def test_windows_with_late_parts_hold_what_was_known(drawn: list[Sample], length: int, stop: int) -> None:
    """Joined parts are exact, except for rises between them."""
    exact = [statistic for statistic in ALL if statistic.name not in ("increase", "slope")]
    arrived = [sample for sample in drawn if -(-(sample[1] + 60 * sample[2]) // 60) <= stop]
    values = values_of(table_of(drawn), [(statistic, length) for statistic in exact], slice(0, BUCKETS, 1))
    assert len(values) > 8
    for row, node in enumerate(NAMES):
        expected = expected_of(arrived, node, stop, length)
        of_window = {statistic.name: values[statistic, length][row, stop] for statistic in exact}
        of_known = {name: expected[name] for name in of_window}
        assert of_window == pytest.approx(of_known, rel=1e-7, abs=1e-6, nan_ok=True)


def same_bits(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    return np.where(np.isnan(first), np.nan, first).tobytes() == np.where(np.isnan(second), np.nan, second).tobytes()


def test_blocks_of_nodes_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    names = [f"n{number:02d}" for number in range(25)]
    keys = [(str(rng.choice(names)), int(minute)) for minute in rng.permutation(600)]
    table = table_of([(node, minute, int(rng.integers(0, 3)), float(rng.normal())) for node, minute in keys])
    requests = all_over(5)
    whole = values_of(table, requests, slice(0, BUCKETS, 1), names)
    monkeypatch.setattr("features.telemetry.panel.BLOCK_CELLS", 100)
    in_blocks = values_of(table, requests, slice(0, BUCKETS, 1), names)
    assert len(requests) > 10
    assert [request[0].name for request in requests if not same_bits(whole[request], in_blocks[request])] == []


def test_the_order_of_the_table_and_unknown_nodes_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("features.telemetry.panel.BLOCK_CELLS", 1)
    rng = np.random.default_rng(2)
    samples = [("ab"[minute % 2], minute, 0, float(rng.normal())) for minute in range(0, 600, 7)]
    table, requests = table_of(samples), all_over(4)
    mixed = pl.concat([table_of([("ghost", 30, 0, 7.0)]), table])
    mixed = mixed[rng.permutation(mixed.height)]
    values, of_mixed = (values_of(rows, requests, slice(0, BUCKETS, 1)) for rows in (table, mixed))
    assert len(requests) > 10
    assert [request[0].name for request in requests if not same_bits(values[request], of_mixed[request])] == []


def test_no_telemetry_gives_no_value() -> None:
    values = values_of(table_of([]), all_over(3), slice(0, 3, 1))
    zero = {"seen": 0.0, "increase": 0.0}
    assert len(values) > 10
    for (statistic, _), of_statistic in values.items():
        assert np.array_equal(of_statistic, np.full((3, 3), zero.get(statistic.name, np.nan)), equal_nan=True)


def test_values_that_overflow_give_no_warning() -> None:
    table = table_of([("a", 0, 0, 1e300), ("a", 60, 0, -1e300)])
    values = values_of(table, [(STD, 2), (SLOPE, 2)], slice(1, 2, 1))
    assert not np.isfinite(values[STD, 2][0, 0])
