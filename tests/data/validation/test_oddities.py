from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from data.schema import Metric, MetricKind
from data.validation.oddities import JUMPED_BACK, count_oddities, describe_falls
from tests.data.made_up import HOUR, MINUTE, telemetry

if TYPE_CHECKING:
    import polars as pl

NO_DELAY = timedelta(0)


def counter(name: str) -> Metric:
    return Metric(name, MetricKind.COUNTER)


def oddities(rows: pl.DataFrame) -> dict[str, int]:
    return dict(count_oddities(rows, rows, counter))


def test_rows_in_order_of_time_or_of_nodes_are_not_odd() -> None:
    rows = telemetry([(node, minute * MINUTE, NO_DELAY, float(minute)) for node in ("a", "b") for minute in range(3)])
    assert oddities(rows) == oddities(rows.sort("ts")) == oddities(rows.clear()) == oddities(rows.head(1)) == {}


def test_a_clock_that_jumps_back_is_counted_only_for_its_node() -> None:
    jumped = [
        ("a", 3 * HOUR, NO_DELAY, None),
        ("b", HOUR, NO_DELAY, None),
        ("a", 2 * HOUR, NO_DELAY, None),
        ("b", 2 * HOUR, NO_DELAY, None),
    ]
    assert oddities(telemetry(jumped)) == {JUMPED_BACK: 1}


def test_falls_of_a_counter_are_counted_over_gaps_and_in_any_order_of_rows() -> None:
    rows = telemetry(
        [("a", hour * HOUR, NO_DELAY, value) for hour, value in enumerate([5.0, None, 2.0, 2.0, 7.0, 1.0])]
    )
    assert oddities(rows) == {describe_falls("load"): 2}
    assert count_oddities(rows, rows.reverse(), counter)[describe_falls("load")] == 2
    assert "load" in describe_falls("load")


def test_a_gauge_may_fall_and_nodes_are_not_compared() -> None:
    falling = telemetry([("a", HOUR, NO_DELAY, 2.0), ("a", 2 * HOUR, NO_DELAY, 1.0)])
    assert dict(count_oddities(falling, falling, Metric)) == {}
    assert oddities(telemetry([("a", HOUR, NO_DELAY, 9.0), ("b", HOUR, NO_DELAY, 1.0)])) == {}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.integers(0, 5), max_size=12))
def test_falls_are_those_between_consecutive_values(values: list[int | None]) -> None:
    rows = telemetry([("a", minute * MINUTE, NO_DELAY, value) for minute, value in enumerate(values)])
    present = [value for value in values if value is not None]
    falls = sum(after < before for before, after in pairwise(present))
    assert oddities(rows).get(describe_falls("load"), 0) == falls
