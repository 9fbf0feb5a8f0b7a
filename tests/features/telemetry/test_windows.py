"""Windows over buckets: every statistic against pandas on the raw samples, exact about late parts."""

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
from data.errors import ModelMismatchError
from data.schema import BUCKET_END, LATENESS, TELEMETRY_KEYS
from features.grid import Grid, to_numpy
from features.telemetry import derived
from features.telemetry.derived import DERIVED
from features.telemetry.idle import idle_hours, idle_share
from features.telemetry.panel import BucketLayout
from features.telemetry.windows import STATISTICS, columns_of
from tests.features.fleets import START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from features.telemetry.windows import Wanted

HOUR = timedelta(hours=1)
BUCKETS = 12
NAMES = ("a", "b", "c")
BELOW = 100.5
ALL = (*STATISTICS, *DERIVED, idle_share(BELOW), idle_hours(BELOW))
Sample = tuple[str, int, int, float]  # node, minute, hours late, value
VALUES = st.floats(-1e3, 1e3, allow_subnormal=False) | st.sampled_from([0.0, -0.0, np.nan])


@st.composite
def samples(draw: st.DrawFn, latest: int = 0) -> list[Sample]:
    """Draw samples of node a and b; nothing is ever heard of node c."""
    keys = st.tuples(st.sampled_from("ab"), st.integers(-59, 60 * (BUCKETS - 1)))
    found = draw(st.lists(keys, unique=True, max_size=40))
    return [(node, minute, draw(st.integers(0, latest)), draw(VALUES)) for node, minute in found]


def table_of(found: Sequence[Sample]) -> pl.DataFrame:
    rows = [
        (node, START + minute * HOUR / 60, START + minute * HOUR / 60 + late * HOUR, value)
        for node, minute, late, value in found
    ]
    frame = pl.DataFrame(rows, schema={**TELEMETRY_KEYS, "x": pl.Float64()}, orient="row")
    return rollup(frame.with_columns(pl.col("x").fill_nan(None)), ["x"], HOUR)


def values_of(
    table: pl.DataFrame, wanted: Sequence[Wanted], stops: NDArray[np.int64] | slice, names: Sequence[str] = NAMES
) -> dict[Wanted, NDArray[np.float64]]:
    """Compute windows that end at buckets counted from START; the grid begins 30 buckets before."""
    grid = Grid.spanning(to_numpy(START - 30 * HOUR), to_numpy(START + (BUCKETS - 1) * HOUR), HOUR)
    panel = BucketLayout.of(table, names, grid).panel(table, "x", columns_of({*STATISTICS, idle_share(BELOW)}))
    at = slice(stops.start + 30, stops.stop + 30, stops.step) if isinstance(stops, slice) else stops + 30
    return derived.compute(panel, wanted, at)


def expected_of(found: Sequence[Sample], node: str, stop: int, length: int) -> dict[str, float]:
    """Compute every statistic of one window with pandas, from the samples themselves."""
    end, start = stop * 60, (stop - length) * 60
    own = sorted((minute, value) for name, minute, _, value in found if name == node and start < minute <= end)
    values = pd.Series([value for _, value in own], index=[minute for minute, _ in own], dtype=float).dropna()
    bucket = -(-values.index.to_numpy(dtype=np.int64) // 60)
    rises = values.diff().dropna()
    told = {
        "mean": values.mean(),
        "std": values.std(ddof=0) if len(values) > 1 else np.nan,
        "min": values.min(),
        "max": values.max(),
        "first": values.iloc[0] if len(values) else np.nan,
        "last": values.iloc[-1] if len(values) else np.nan,
        "increase": float(rises.where(rises >= 0, values.iloc[1:]).sum()),
        "seen": len(set(bucket)) / length,
        "slope": np.polyfit(bucket / 24, values, 1)[0] if len(set(bucket)) > 1 else np.nan,
        "last_ts": (START + values.index[-1] * HOUR / 60).timestamp() * 1e6 if len(values) else np.nan,
    }
    newest = values[values.index > end - 60]
    hours_now = (START + stop * HOUR).timestamp() / 3_600
    return {
        **told,
        "change": newest.mean() - told["mean"],
        "span": (told["max"] - told["min"]) / 3_600,
        "uptime": hours_now - told["last"] / 3_600,
        "silence": hours_now - told["last_ts"] / 3_600e6,
        **idleness_of([sample for sample in found if sample[0] == node], stop, length),
    }


def idleness_of(own: Sequence[Sample], stop: int, length: int) -> dict[str, float]:
    """Look at a window bucket by bucket: one is busy if the mean of what came at once reaches the value."""
    parts: dict[int, dict[int, list[float]]] = {}
    for _, minute, late, value in own:
        bucket = -(-minute // 60)
        if stop - length < bucket <= stop and not np.isnan(value):
            parts.setdefault(bucket, {}).setdefault(late, []).append(value)
    busy = {bucket: any(np.mean(part) >= BELOW for part in parts[bucket].values()) for bucket in sorted(parts)}
    if not busy:
        return dict.fromkeys((idle_share(BELOW), idle_hours(BELOW)), np.nan)
    since = max((bucket for bucket in busy if busy[bucket]), default=min(busy) - 1)
    return {idle_share(BELOW): 1 - sum(busy.values()) / len(busy), idle_hours(BELOW): float(max(busy) - since)}


@settings(max_examples=40, deadline=None)
@given(samples(), st.integers(1, 30), st.integers(1, 3))
def test_every_statistic_is_that_of_the_windows_samples(found: list[Sample], length: int, step: int) -> None:
    wanted = [(stat, length) for stat in ALL]
    told = values_of(table_of(found), wanted, slice(0, BUCKETS, step))
    for row, node in enumerate(NAMES):
        for place, stop in enumerate(range(0, BUCKETS, step)):
            expected = expected_of(found, node, stop, length)
            own = {stat: told[stat, length][row, place] for stat in ALL}
            assert own == pytest.approx(expected, rel=1e-7, abs=1e-6, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(samples(latest=4), st.integers(1, 9), st.integers(0, BUCKETS - 1))
def test_late_parts_are_unknown_until_they_arrive(found: list[Sample], length: int, stop: int) -> None:
    table, wanted = table_of(found), [(stat, length) for stat in ALL]
    known = table.filter(pl.col(BUCKET_END) + pl.col(LATENESS).cast(pl.Int64) * HOUR <= START + stop * HOUR)
    in_one_pass = values_of(table, wanted, np.array([*range(stop + 1), BUCKETS - 1]))
    at_the_time = values_of(known, wanted, slice(stop, stop + 1, 1))
    for key in wanted:
        assert same_bits(in_one_pass[key][:, stop], at_the_time[key][:, 0])


@settings(max_examples=40, deadline=None)
@given(samples(latest=4), st.integers(1, 9), st.integers(0, BUCKETS - 1))
def test_windows_with_late_parts_hold_what_was_known(found: list[Sample], length: int, stop: int) -> None:
    """Joined parts are exact, but for rises between them; a bucket's own rollup tells when it was known."""
    exact = [stat for stat in ALL if stat not in ("increase", "slope")]
    known = [sample for sample in found if -(-(sample[1] + 60 * sample[2]) // 60) <= stop]
    told = values_of(table_of(found), [(stat, length) for stat in exact], slice(0, BUCKETS, 1))
    for row, node in enumerate(NAMES):
        expected = expected_of(known, node, stop, length)
        own = {stat: told[stat, length][row, stop] for stat in exact}
        assert own == pytest.approx({stat: expected[stat] for stat in exact}, rel=1e-7, abs=1e-6, nan_ok=True)


def same_bits(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    return np.where(np.isnan(one), np.nan, one).tobytes() == np.where(np.isnan(other), np.nan, other).tobytes()


def test_blocks_of_nodes_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    names = [f"n{number:02d}" for number in range(25)]
    keys = [(str(rng.choice(names)), int(minute)) for minute in rng.permutation(600)]
    table = table_of([(node, minute, int(rng.integers(0, 3)), float(rng.normal())) for node, minute in keys])
    wanted = [(stat, 5) for stat in ALL]
    whole = values_of(table, wanted, slice(0, BUCKETS, 1), names)
    monkeypatch.setattr("features.telemetry.panel.BLOCK_CELLS", 100)
    cut = values_of(table, wanted, slice(0, BUCKETS, 1), names)
    assert all(same_bits(whole[key], cut[key]) for key in wanted)


def test_the_order_of_the_table_and_unknown_nodes_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("features.telemetry.panel.BLOCK_CELLS", 1)
    rng = np.random.default_rng(2)
    found = [("ab"[minute % 2], minute, 0, float(rng.normal())) for minute in range(0, 600, 7)]
    table, wanted = table_of(found), [(stat, 4) for stat in ALL]
    mixed = pl.concat([table_of([("ghost", 30, 0, 7.0)]), table])
    mixed = mixed[rng.permutation(mixed.height)]
    one, other = (values_of(own, wanted, slice(0, BUCKETS, 1)) for own in (table, mixed))
    assert all(same_bits(one[key], other[key]) for key in wanted)


def test_no_telemetry_gives_no_value() -> None:
    told = values_of(table_of([]), [(stat, 3) for stat in ALL], slice(0, 3, 1))
    zero = {"seen": 0.0, "increase": 0.0}
    for (stat, _), values in told.items():
        assert np.array_equal(values, np.full((3, 3), zero.get(stat, np.nan)), equal_nan=True)


def test_values_that_overflow_give_no_warning() -> None:
    told = values_of(table_of([("a", 0, 0, 1e300), ("a", 60, 0, -1e300)]), [("std", 2), ("slope", 2)], slice(1, 2, 1))
    assert not np.isfinite(told["std", 2][0, 0])


def test_an_unknown_statistic_is_refused() -> None:
    with pytest.raises(ModelMismatchError, match="no statistic median"):
        derived.base_statistics("median")
