from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from data.delta.table import Table
from data.delta.telemetry import Telemetry
from data.errors import ColumnError
from data.schema import TELEMETRY_KEYS, TS
from tests.data.made_up import DAY, HOUR, MINUTE, NOW, START, telemetry

if TYPE_CHECKING:
    from pathlib import Path

NO_DELAY = timedelta(0)


@pytest.fixture
def table(tmp_path: Path) -> Telemetry:
    return Telemetry(Table(str(tmp_path / "telemetry"), TS, TELEMETRY_KEYS))


def rows(table: Telemetry) -> list[tuple[object, ...]]:
    """Return node, hours after START and the metrics, sorted."""
    hours = (pl.col("ts") - START).dt.total_minutes() / 60
    return sorted(table.read().select("node", hours.alias("hours"), *table.metrics()).iter_rows())


def test_a_table_that_was_never_written_is_empty(table: Telemetry) -> None:
    assert dict(table.read().schema) == TELEMETRY_KEYS
    assert (table.metrics(), table.spans(), table.table.months(), table.table.version()) == ((), (), [], -1)


def test_a_batch_without_rows_writes_nothing(table: Telemetry) -> None:
    change = table.merge(telemetry([]))
    assert (change.inserted, change.spans, table.table.version()) == (0, (), -1)


def test_the_same_batch_again_makes_no_commit(table: Telemetry) -> None:
    batch = telemetry([("n1", NO_DELAY, NO_DELAY, 1.0), ("n1", HOUR, NO_DELAY, None), ("n2", 40 * DAY, HOUR, 3.0)])
    first = table.merge(batch)
    version = table.table.version()
    again = table.merge(batch)
    assert (first.inserted, first.replaced, first.unchanged) == (3, 0, 0)
    assert (again.inserted, again.replaced, again.unchanged, again.spans) == (0, 0, 3, ())
    assert table.table.version() == version


@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_row_that_was_available_later_wins_in_either_order(table: Telemetry, *, is_reversed: bool) -> None:
    batches = [
        telemetry([("n1", NO_DELAY, NO_DELAY, 9.0)]),
        telemetry([("n1", NO_DELAY, HOUR, 1.0), ("n1", HOUR, NO_DELAY, 2.0)]),
    ]
    for batch in reversed(batches) if is_reversed else batches:
        table.merge(batch)
    assert rows(table) == [("n1", 0.0, 1.0), ("n1", 1.0, 2.0)]


def test_contradicting_rows_give_the_same_result_in_every_order(tmp_path: Path) -> None:
    first, second = telemetry([("n1", NO_DELAY, NO_DELAY, 9.0)]), telemetry([("n1", NO_DELAY, NO_DELAY, 1.0)])
    results = []
    for name, batches in {"a": [first, second], "b": [second, first], "c": [pl.concat([first, second])]}.items():
        table = Telemetry(Table(str(tmp_path / name), TS, TELEMETRY_KEYS))
        for batch in batches:
            table.merge(batch)
        results.append(rows(table))
    assert results[0] == results[1] == results[2]


def test_equally_new_rows_of_any_batches_are_joined(table: Telemetry) -> None:
    table.merge(telemetry([("n1", NO_DELAY, NO_DELAY, 1.0), ("n2", NO_DELAY, NO_DELAY, 1.0)], "load"))
    assert table.merge(telemetry([("n1", NO_DELAY, NO_DELAY, 40.0)], "temp")).replaced == 1
    assert table.merge(telemetry([("n1", NO_DELAY, NO_DELAY, 1.0)], "load")).unchanged == 1
    assert rows(table) == [("n1", 0.0, 1.0, 40.0), ("n2", 0.0, 1.0, None)]


def test_a_row_that_was_available_later_removes_the_cells_that_it_lacks(table: Telemetry) -> None:
    table.merge(telemetry([("n1", NO_DELAY, NO_DELAY, 1.0)], "load"))
    table.merge(telemetry([("n1", NO_DELAY, HOUR, 40.0)], "temp"))
    assert rows(table) == [("n1", 0.0, None, 40.0)]


def test_a_replacement_leaves_other_rows_unchanged(table: Telemetry) -> None:
    table.merge(telemetry([("n1", minute * MINUTE, NO_DELAY, float(minute)) for minute in range(5)]))
    change = table.merge(telemetry([("n1", 2 * MINUTE, HOUR, 7.0), ("n1", 9 * MINUTE, NO_DELAY, 9.0)]))
    assert (change.inserted, change.replaced) == (1, 1)
    assert [row[2] for row in rows(table)] == [0.0, 1.0, 7.0, 3.0, 4.0, 9.0]


def test_a_change_has_the_span_of_changed_times_in_each_month(table: Telemetry) -> None:
    table.merge(telemetry([("n1", NO_DELAY, NO_DELAY, 1.0)]))
    change = table.merge(
        telemetry([("n1", NO_DELAY, HOUR, 2.0), ("n1", 2 * HOUR, NO_DELAY, 1.0), ("n1", 2 * DAY, NO_DELAY, 1.0)])
    )
    assert change.since == 0
    assert change.spans == ((START, START + 2 * HOUR), (START + 2 * DAY, START + 2 * DAY))


def test_a_new_metric_is_null_in_older_rows_and_a_missing_one_in_newer(table: Telemetry) -> None:
    table.merge(telemetry([("n1", NO_DELAY, NO_DELAY, 1.0)], "a"))
    table.merge(telemetry([("n1", HOUR, NO_DELAY, 2.0)], "b"))
    assert table.metrics() == ("a", "b")
    assert rows(table) == [("n1", 0.0, 1.0, None), ("n1", 1.0, None, 2.0)]


def test_a_metric_may_have_any_name(table: Telemetry) -> None:
    table.merge(telemetry([("n1", NO_DELAY, NO_DELAY, 1.0)], "cpu user (%), 5 min = á"))
    assert table.read()["cpu user (%), 5 min = á"].to_list() == [1.0]


@pytest.mark.parametrize("dtypes", [(pl.Float32, pl.Float64), (pl.Float64, pl.Float32)])
def test_a_metric_of_two_widths_loses_no_digit_in_either_order(
    table: Telemetry, dtypes: tuple[type[pl.DataType], type[pl.DataType]]
) -> None:
    for hours, dtype in enumerate(dtypes):
        table.merge(telemetry([("n1", hours * HOUR, NO_DELAY, 0.1)], dtype=dtype))
    narrow = pl.Series([0.1], dtype=pl.Float32).cast(pl.Float64)[0]
    assert {row[2] for row in rows(table)} == {0.1, narrow}


def test_a_float32_metric_stays_float32(table: Telemetry) -> None:
    table.merge(telemetry([("n1", NO_DELAY, NO_DELAY, 0.1)], dtype=pl.Float32))
    assert table.read().schema["load"] == pl.Float32


def test_reading_is_bounded_by_time_and_by_availability(table: Telemetry) -> None:
    table.merge(telemetry([("n1", day * DAY, HOUR if day else 50 * DAY, float(day)) for day in range(60)]))

    def days(**bounds: object) -> list[float]:
        return sorted(table.read(["load"], **bounds)["load"].to_list())  # type: ignore[arg-type]  # bounds of every kind

    assert days(start=START + 58 * DAY) == [58.0, 59.0]
    assert days(end=START + DAY) == [0.0, 1.0]
    assert days(until=START + 2 * DAY) == [1.0]
    assert days(until=START + 2 * DAY + HOUR) == [1.0, 2.0]
    assert days(until=START + 50 * DAY) == [float(day) for day in range(50)]
    assert days(start=START, end=START + DAY, until=NOW) == [0.0, 1.0]


def test_the_error_names_a_missing_column(table: Telemetry) -> None:
    table.merge(telemetry([("n1", NO_DELAY, NO_DELAY, 1.0)]))
    with pytest.raises(ColumnError, match="telemetry: no column fan; it has available_at, load, node, ts"):
        table.read(["fan"])
