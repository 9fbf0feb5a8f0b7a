from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import UnreachableError
from data.sql.records import Records
from data.sql.tables import EVENTS
from tests.checks.records import RecordsContract, another, score, scores
from tests.data.made_up import events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  - bounds are naive here


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = Records.open(f"sqlite:///{tmp_path / 'var' / 'nodeward.db'}")
    yield opened
    opened.close()


class TestRecordsOnSqlite(RecordsContract):
    pass


@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | TIMES, min_size=1))
def test_times_survive_to_the_microsecond(times: list[datetime | None]) -> None:
    rows = events([{"cause": str(number), "end": time} for number, time in enumerate(times)])
    stored = [tuple(row.values()) for row in EVENTS.to_rows(rows)]
    assert EVENTS.to_frame(stored).sort(pl.col("cause").cast(pl.Int64)).equals(rows)


def test_the_error_names_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("no database in spite of its name")
    with pytest.raises(UnreachableError, match=r"x\.db"):
        Records.open(f"sqlite:///{tmp_path / 'x.db'}")


def test_the_error_names_a_database_that_another_program_locks(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.sql.engine.SQLITE_SETTINGS", ("journal_mode = WAL", "busy_timeout = 50"))
    other_connection = another(records)
    holder = sqlite3.connect(records.engine.url.database or "")
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnreachableError, match="database is locked"):
        other_connection.publish_scores(scores(score("n1", 0.1)))
    holder.close()
    other_connection.close()
