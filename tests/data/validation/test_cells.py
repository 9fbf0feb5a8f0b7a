from __future__ import annotations

from datetime import timedelta
from math import inf, nan

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.schema import UNREADABLE, UNREADABLE_TYPE, Metric
from data.validation.cells import INFINITE, OUT_OF_RANGE, clean, metrics_of
from tests.data.made_up import MINUTE, START, telemetry

NONE = timedelta(0)


def bounded(name: str) -> Metric:
    return Metric(name, min=0.0, max=100.0) if name == "load" else Metric(name)


def rows_of(values: list[float | None], dtype: type[pl.DataType] = pl.Float64) -> pl.DataFrame:
    return telemetry([("n1", minute * MINUTE, NONE, value) for minute, value in enumerate(values)], dtype=dtype)


@pytest.mark.parametrize("kind", [pl.Float32, pl.Float64])
def test_a_cell_that_can_not_be_true_is_told_and_becomes_null(kind: type[pl.DataType]) -> None:
    good, told = clean(rows_of([1.0, inf, -inf, nan, None, 100.0, 100.5, -0.5, 0.0], kind), bounded)
    assert good["load"].to_list() == [1.0, None, None, None, None, 100.0, None, None, 0.0]
    assert [frame.select("value", "reason").rows() for frame in told] == [
        [("inf", INFINITE), ("-inf", INFINITE)], [("100.5", OUT_OF_RANGE), ("-0.5", OUT_OF_RANGE)],
    ]  # fmt: skip
    assert good.schema["load"] == kind


def test_a_metric_without_a_range_holds_anything_finite() -> None:
    rows = rows_of([1e300, -1e300, 5e-324])
    good, told = clean(rows, Metric)
    assert good.equals(rows)
    assert told == []


def test_each_metric_is_judged_by_its_own_range() -> None:
    rows = rows_of([500.0, 5.0]).with_columns(fan=pl.Series([500.0, inf]))
    good, told = clean(rows, bounded)
    assert good.select("load", "fan").rows() == [(None, 500.0), (5.0, None)]
    assert [frame["metric"].to_list() for frame in told] == [["fan"], ["load"]]


def test_no_row_and_no_metric_are_no_fault() -> None:
    assert clean(rows_of([]), bounded)[1] == []
    assert clean(rows_of([1.0]).drop("load"), bounded)[1] == []


def test_a_cell_that_a_source_could_not_read_is_told_with_its_place() -> None:
    entry = [{"column": "load", "value": "hot", "fault": "holds a text", "at": "a.csv:2"}]
    rows = rows_of([None, 1.0]).with_columns(pl.Series(UNREADABLE, [entry, None], UNREADABLE_TYPE))
    good, (told,) = clean(rows, bounded)
    assert good.columns == ["node", "ts", "available_at", "load"]
    assert told.drop("available_at").rows() == [("n1", START, "load", "hot", "holds a text", "a.csv:2")]
    assert metrics_of(rows) == ["load"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.floats(), min_size=1, max_size=20))
def test_what_is_kept_and_what_is_told_are_all_there_was(values: list[float | None]) -> None:
    good, told = clean(rows_of(values), bounded)
    known = np.array([nan if value is None else value for value in values], dtype=float)
    is_kept = np.isfinite(known) & (known >= 0) & (known <= 100)
    assert good["load"].is_not_null().to_list() == is_kept.tolist()
    assert sum(frame.height for frame in told) == int((~is_kept & ~np.isnan(known)).sum())
    assert good["ts"].to_list() == [START + at * MINUTE for at in range(len(values))]
