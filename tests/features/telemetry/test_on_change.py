"""Metrics that report when they change: every statistic against a loop over the rows known at the time."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.delta.rollup import rollup
from data.schema import BUCKET_END, LATENESS, TELEMETRY_KEYS
from features.telemetry.on_change import OnChangeSeries
from tests.features.catalogues import on_change_statistics, require_references
from tests.features.fleets import START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HOUR = timedelta(hours=1)
NAMES = ("a", "b", "c")
BUCKETS = 12
FIRST = int(START.timestamp()) // 3_600
Sample = tuple[str, int, int, float]  # node, minute, hours late, value


@st.composite
def changes(draw: st.DrawFn) -> list[Sample]:
    """Draw changes of node a and b, some of them late; the counter may be reset."""
    keys = st.tuples(st.sampled_from("ab"), st.integers(-59, 60 * (BUCKETS - 1)))
    drawn = draw(st.lists(keys, unique=True, max_size=20))
    values = st.sampled_from([0.0, 1.0, 2.5, 7.0, 7.0, -3.0, np.nan])
    return [(node, minute, draw(st.integers(0, 3)), draw(values)) for node, minute in drawn]


def table_of(samples: Sequence[Sample]) -> pl.DataFrame:
    rows = [
        (node, START + minute * HOUR / 60, START + minute * HOUR / 60 + late * HOUR, value)
        for node, minute, late, value in samples
    ]
    frame = pl.DataFrame(rows, schema={**TELEMETRY_KEYS, "x": pl.Float64()}, orient="row")
    table = rollup(frame.with_columns(pl.col("x").fill_nan(None)), ["x"], HOUR)
    return table[np.random.default_rng(len(rows)).permutation(table.height)]


def values_of(table: pl.DataFrame, bucket: int, length: int) -> dict[str, NDArray[np.float64]]:
    """Compute every statistic of every node at the end of a bucket."""
    series = OnChangeSeries.of(table, "x", NAMES, HOUR)
    node, end = np.arange(len(NAMES)), np.full(len(NAMES), FIRST + bucket)
    now, then = series.at(node, end), series.at(node, end - length)
    return {statistic.name: statistic.value(now, then) for statistic in on_change_statistics()}


def parts_of(samples: Sequence[Sample], node: str) -> list[tuple[int, int, float]]:
    """List when the newest sample of each bucket's part was known (bucket) and taken (minute), and its value."""
    newest: dict[tuple[int, int], tuple[int, float]] = {}
    for name, minute, late, value in sorted(samples):
        if name == node and not np.isnan(value):
            newest[-(-minute // 60), -(-(minute + 60 * late) // 60)] = minute, value
    return sorted((known_from, minute, value) for (_, known_from), (minute, value) in newest.items())


def expected_values(samples: Sequence[Sample], node: str, bucket: int, length: int) -> dict[str, float]:
    """Walk through the changes in the order in which they became known."""
    steps: list[tuple[int, int, float]] = []
    for known_from, minute, value in parts_of(samples, node):
        if known_from <= bucket and (not steps or minute > steps[-1][1]):
            steps.append((known_from, minute, value))
    if not steps:
        return dict.fromkeys((statistic.name for statistic in on_change_statistics()), np.nan)
    rises = [
        (known_from, minute, value - before if value >= before else value)
        for (_, _, before), (known_from, minute, value) in pairwise(steps)
    ]
    up = [(known_from, minute, rise) for known_from, minute, rise in rises if rise > 0]
    values = [value_at(steps, hour) for hour in range(bucket - length + 1, bucket + 1)]
    known_values = [value for value in values if value is not None]
    hours_since = bucket - steps[-1][1] / 60
    above = [minute for _, minute, value in steps if value > 0] if steps[0][2] <= 0 else []
    return {
        "rises_so_far": len(up),
        "days_since_first": (bucket - above[0] / 60) / 24 if above else np.nan,
        "last": steps[-1][2],
        "max": max(value for *_, value in steps),
        "mean": float(np.mean(known_values)) if known_values else np.nan,
        "increase": sum(rise for known_from, _, rise in rises if known_from > bucket - length),
        "rises": sum(1 for known_from, *_ in up if known_from > bucket - length),
        "days_since_rise": (bucket - up[-1][1] / 60) / 24 if up else np.nan,
        "days_since_change": hours_since / 24,
        "running": steps[-1][2] + hours_since,
    }


def value_at(steps: Sequence[tuple[int, int, float]], hour: int) -> float | None:
    """Return the value that held during the hour before the end of a bucket."""
    return next((value for known_from, _, value in reversed(steps) if known_from < hour), None)


@settings(max_examples=100, deadline=None)
@given(changes(), st.integers(0, BUCKETS), st.integers(1, 9))
def test_every_statistic_equals_that_of_a_loop_over_what_was_known(
    samples: list[Sample], bucket: int, length: int
) -> None:
    values = values_of(table_of(samples), bucket, length)
    assert len(values) > 5
    for row, node in enumerate(NAMES):
        of_node = {name: value[row] for name, value in values.items()}
        expected = expected_values(samples, node, bucket, length)
        require_references(expected, of_node)
        assert of_node == pytest.approx(expected, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(changes(), st.integers(0, BUCKETS), st.integers(1, 9))
def test_what_becomes_known_later_changes_no_bit(samples: list[Sample], bucket: int, length: int) -> None:
    table = table_of(samples)
    at_the_time = pl.col(BUCKET_END) + pl.col(LATENESS).cast(pl.Int64) * HOUR <= START + bucket * HOUR
    in_hindsight, then = values_of(table, bucket, length), values_of(table.filter(at_the_time), bucket, length)
    assert len(in_hindsight) > 5
    for name, values in in_hindsight.items():
        assert np.array_equal(values, then[name], equal_nan=True)


def test_a_value_holds_until_the_next_one_is_known() -> None:
    values = [values_of(table_of([("a", 60, 0, 5.0), ("a", 240, 2, 8.0)]), bucket, 3)["last"][0] for bucket in range(8)]
    assert values == pytest.approx([np.nan, 5, 5, 5, 5, 5, 8, 8], nan_ok=True)


def test_a_value_that_is_older_than_what_is_known_is_left_out() -> None:
    values = values_of(table_of([("a", 60, 4, 5.0), ("a", 120, 0, 8.0)]), 9, 3)
    assert (values["last"][0], values["max"][0]) == (8, 8)


def test_the_newest_sample_of_a_bucket_counts_even_if_older_ones_arrive_later() -> None:
    values = values_of(table_of([("a", 90, 2, 5.0), ("a", 110, 0, 8.0)]), 9, 3)
    assert values["last"][0] == 8


def test_a_counter_that_is_reset_rises_from_zero() -> None:
    values = values_of(table_of([("a", 0, 0, 90.0), ("a", 60, 0, 100.0), ("a", 120, 0, 4.0)]), 3, 9)
    assert (values["increase"][0], values["rises"][0], values["max"][0]) == (14, 2, 100)


def test_it_is_unknown_since_when_a_first_value_above_zero_has_been_above_zero() -> None:
    began = values_of(table_of([("a", 0, 0, 0.0), ("a", 60, 0, 2.0), ("a", 120, 0, 0.0), ("a", 180, 0, 9.0)]), 25, 9)
    assert began["days_since_first"][0] == 1
    assert np.isnan(values_of(table_of([("a", 0, 0, 2.0), ("a", 60, 0, 5.0)]), 25, 9)["days_since_first"][0])


def test_hours_in_operation_continue_from_the_last_report() -> None:
    assert values_of(table_of([("a", 30, 3, 500.0)]), 8, 3)["running"][0] == 507.5


def test_a_node_without_data_has_no_value() -> None:
    of_one_node, of_none = values_of(table_of([("a", 0, 0, 1.0)]), 5, 3), values_of(table_of([]), 5, 3)
    assert len(of_one_node) == len(of_none) > 5
    assert all(np.isnan(values[1:]).all() for values in of_one_node.values())
    assert all(np.isnan(values).all() for values in of_none.values())
