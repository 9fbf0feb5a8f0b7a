from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from data.delta.table import Table, within
from data.schema import UTC
from tests.data.made_up import DAY, HOUR, START

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

KEYS = {"node": pl.String(), "ts": UTC}


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(str(tmp_path / "made up"), "ts", KEYS)


def rows(*values: tuple[timedelta, int]) -> pl.DataFrame:
    records = [("n1", START + after, value) for after, value in values]
    return pl.DataFrame(records, schema={**KEYS, "value": pl.UInt32()}, orient="row")


def values(table: Table, start: datetime | None = None, end: datetime | None = None) -> list[int]:
    return sorted(table.select(["value"]).filter(within("ts", start, end)).collect()["value"])


def test_a_table_is_created_with_its_first_row(table: Table) -> None:
    table.append(rows())
    assert (table.version(), dict(table.schema())) == (-1, KEYS)
    table.append(rows((HOUR, 1)))
    assert (table.version(), table.months(), values(table)) == (0, ["2024-01"], [1])


def test_rows_are_in_the_month_of_their_time(table: Table) -> None:
    table.append(rows((HOUR, 1), (DAY, 2), (30 * DAY, 3)))
    assert table.months() == ["2024-01", "2024-02", "2024-03"]
    assert values(table, start=START + DAY, end=START + 29 * DAY) == [2]
    assert values(table, end=START + DAY) == [1, 2]


def test_a_row_without_time_is_kept(table: Table) -> None:
    table.append(rows((HOUR, 1)).with_columns(ts=pl.lit(None, UTC)))
    assert values(table) == [1]


def test_rows_are_counted_and_the_newest_time_is_exact_to_the_microsecond(table: Table) -> None:
    assert table.rows_and_newest() == (0, None)
    microsecond = timedelta(microseconds=1)
    table.append(rows((HOUR, 1)).with_columns(ts=pl.lit(None, UTC)))
    assert table.rows_and_newest() == (1, None)
    table.append(rows((DAY + 3 * microsecond, 2)))
    table.append(rows((DAY + 7 * microsecond, 3), (HOUR, 4)))
    table.append(rows((DAY + 5 * microsecond, 5)))
    assert table.rows_and_newest() == (5, START + DAY + 7 * microsecond)
    assert table.at_version(1).rows_and_newest() == (2, START + DAY + 3 * microsecond)
    table.delete_after(START + 2 * HOUR, {})
    assert table.rows_and_newest() == table.scan().select(pl.len(), pl.col("ts").max()).collect().row(0)


def test_replacing_changes_only_its_span(table: Table) -> None:
    table.append(rows(*((after * HOUR, after) for after in range(20, 28))))
    table.replace(rows((22 * HOUR, 122), (24 * HOUR, 124)), START + 22 * HOUR, START + 25 * HOUR)
    assert values(table) == [20, 21, 26, 27, 122, 124]


def test_a_span_is_exact_to_the_microsecond(table: Table) -> None:
    microsecond = timedelta(microseconds=1)
    table.append(rows((HOUR - microsecond, 1), (HOUR, 2), (HOUR + microsecond, 3)))
    table.replace(rows(), START + HOUR, START + HOUR)
    assert values(table) == [1, 3]


def test_rewriting_replaces_rows_and_columns(table: Table) -> None:
    table.append(rows((HOUR, 1)))
    table.rewrite(rows((HOUR, 1)).with_columns(pl.col("value").cast(pl.Float64)))
    assert table.schema()["value"] == pl.Float64


def test_a_new_column_is_null_in_older_rows(table: Table) -> None:
    table.append(rows((HOUR, 1)))
    table.append(rows((DAY, 2)).with_columns(other=pl.lit(2.5)))
    assert table.select(["other"]).sort("ts").collect()["other"].to_list() == [None, 2.5]


def test_a_note_changes_no_row_and_the_newest_is_read(table: Table) -> None:
    table.append(rows((HOUR, 1)))
    for number in (7, -1):
        table.write_notes({"noted": number})
    assert (table.read_note("noted"), table.read_note("not noted"), values(table)) == (-1, None, [1])


def test_a_note_can_be_the_first_commit(table: Table) -> None:
    table.write_notes({"noted": 7})
    assert (table.read_note("noted"), table.version(), table.months()) == (7, 0, [])


def test_a_table_at_a_version_stays_as_it_was(table: Table) -> None:
    table.append(rows((HOUR, 1)))
    table.append(rows((2 * HOUR, 2)))
    assert [values(table.at_version(version)) for version in (0, 1)] == [[1], [1, 2]]
    assert table.at_version(-1).scan().collect().height == 0
