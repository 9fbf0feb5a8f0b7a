from __future__ import annotations

from datetime import timedelta
from math import inf, nan

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.schema import UNREADABLE, UNREADABLE_TYPE, Metric
from data.validation.cells import INFINITE, OUT_OF_RANGE, metrics_of, null_invalid_cells
from tests.data.made_up import MINUTE, START, telemetry

NO_DELAY = timedelta(0)


def described(name: str) -> Metric:
    return Metric(name, min=0.0, max=100.0) if name == "load" else Metric(name)


def rows_of(values: list[float | None], dtype: type[pl.DataType] = pl.Float64) -> pl.DataFrame:
    return telemetry([("n1", minute * MINUTE, NO_DELAY, value) for minute, value in enumerate(values)], dtype=dtype)


@pytest.mark.parametrize("dtype", [pl.Float32, pl.Float64])
def test_an_impossible_cell_is_rejected_and_becomes_null(dtype: type[pl.DataType]) -> None:
    valid, cells = null_invalid_cells(rows_of([1.0, inf, -inf, nan, None, 100.0, 100.5, -0.5, 0.0], dtype), described)
    assert valid["load"].to_list() == [1.0, None, None, None, None, 100.0, None, None, 0.0]
    assert [frame.select("value", "reason").rows() for frame in cells] == [
        [("inf", INFINITE), ("-inf", INFINITE)], [("100.5", OUT_OF_RANGE), ("-0.5", OUT_OF_RANGE)],
    ]  # fmt: skip
    assert valid.schema["load"] == dtype


def test_a_metric_without_a_range_allows_every_finite_value() -> None:
    rows = rows_of([1e300, -1e300, 5e-324])
    valid, cells = null_invalid_cells(rows, Metric)
    assert valid.equals(rows)
    assert cells == []


def test_each_metric_has_its_own_range() -> None:
    rows = rows_of([500.0, 5.0]).with_columns(fan=pl.Series([500.0, inf]))
    valid, cells = null_invalid_cells(rows, described)
    assert valid.select("load", "fan").rows() == [(None, 500.0), (5.0, None)]
    assert [frame["metric"].to_list() for frame in cells] == [["fan"], ["load"]]


def test_no_row_and_no_metric_are_allowed() -> None:
    assert null_invalid_cells(rows_of([]), described)[1] == []
    assert null_invalid_cells(rows_of([1.0]).drop("load"), described)[1] == []


def test_an_unreadable_cell_is_returned_with_its_place() -> None:
    entry = [{"column": "load", "value": "hot", "fault": "holds a text", "at": "a.csv:2"}]
    rows = rows_of([None, 1.0]).with_columns(pl.Series(UNREADABLE, [entry, None], UNREADABLE_TYPE))
    valid, (cells,) = null_invalid_cells(rows, described)
    assert valid.columns == ["node", "ts", "available_at", "load"]
    assert cells.drop("available_at").rows() == [("n1", START, "load", "hot", "holds a text", "a.csv:2")]
    assert metrics_of(rows) == ["load"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.floats(), min_size=1, max_size=20))
def test_every_value_is_kept_or_rejected(values: list[float | None]) -> None:
    valid, cells = null_invalid_cells(rows_of(values), described)
    expected = np.array([nan if value is None else value for value in values], dtype=float)
    is_kept = np.isfinite(expected) & (expected >= 0) & (expected <= 100)
    assert valid["load"].is_not_null().to_list() == is_kept.tolist()
    assert sum(frame.height for frame in cells) == int((~is_kept & ~np.isnan(expected)).sum())
    assert valid["ts"].to_list() == [START + minute * MINUTE for minute in range(len(values))]
