from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from data.schema import Metric, MetricKind
from data.validation.oddities import JUMPED_BACK, count_oddities, fell
from tests.data.made_up import HOUR, MINUTE, telemetry

if TYPE_CHECKING:
    import polars as pl

NONE = timedelta(0)


def counter(name: str) -> Metric:
    return Metric(name, MetricKind.COUNTER)


def oddities(rows: pl.DataFrame) -> dict[str, int]:
    return dict(count_oddities(rows, rows, counter))


def test_rows_in_order_of_time_or_of_nodes_are_not_odd() -> None:
    rows = telemetry([(node, at * MINUTE, NONE, float(at)) for node in ("a", "b") for at in range(3)])
    assert oddities(rows) == oddities(rows.sort("ts")) == oddities(rows.clear()) == oddities(rows.head(1)) == {}


def test_a_clock_that_jumps_back_is_counted_for_its_node_alone() -> None:
    jumped = [
        ("a", 3 * HOUR, NONE, None),
        ("b", HOUR, NONE, None),
        ("a", 2 * HOUR, NONE, None),
        ("b", 2 * HOUR, NONE, None),
    ]
    assert oddities(telemetry(jumped)) == {JUMPED_BACK: 1}


def test_a_counter_that_falls_is_counted_over_gaps_and_whatever_the_order_of_rows() -> None:
    rows = telemetry([("a", at * HOUR, NONE, value) for at, value in enumerate([5.0, None, 2.0, 2.0, 7.0, 1.0])])
    assert oddities(rows) == {fell("load"): 2}
    assert count_oddities(rows, rows.reverse(), counter)[fell("load")] == 2
    assert "load" in fell("load")


def test_a_gauge_may_fall_and_nodes_are_not_compared() -> None:
    falling = telemetry([("a", HOUR, NONE, 2.0), ("a", 2 * HOUR, NONE, 1.0)])
    assert dict(count_oddities(falling, falling, Metric)) == {}
    assert oddities(telemetry([("a", HOUR, NONE, 9.0), ("b", HOUR, NONE, 1.0)])) == {}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.integers(0, 5), max_size=12))
def test_falls_are_those_of_the_values_in_turn(values: list[int | None]) -> None:
    rows = telemetry([("a", at * MINUTE, NONE, value) for at, value in enumerate(values)])
    known = [value for value in values if value is not None]
    falls = sum(after < before for before, after in pairwise(known))
    assert oddities(rows).get(fell("load"), 0) == falls
