from __future__ import annotations

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateTable

from data.sql.migrations import METADATA
from data.sql.tables import BLIND, DECISIONS, EVENTS, LATEST_SCORES, NODES
from tests.data.made_up import HOUR, START, events


@pytest.mark.parametrize("url", ["postgresql://", "sqlite://"])
def test_times_are_big_integers_and_numbers_doubles_in_every_database(url: str) -> None:
    dialect = make_url(url).get_dialect()()
    statements = {table.name: str(CreateTable(table).compile(dialect=dialect)) for table in METADATA.sorted_tables}
    assert "recorded_at BIGINT" in statements["events"]
    assert "probability DOUBLE" in statements["latest_scores"]
    assert [column.name for column in EVENTS.sql.primary_key] == ["node", "start", "kind", "cause", "source"]


def test_every_schema_has_a_table() -> None:
    names = {table.sql.name for table in (EVENTS, NODES, BLIND, LATEST_SCORES, DECISIONS)}
    assert set(METADATA.tables) == {*names, "schema_version"}


def test_a_null_in_a_key_is_written_as_the_empty_text_and_read_back_as_null() -> None:
    (row,) = EVENTS.to_rows(events([{"cause": None, "labels": None}]))
    assert (row["cause"], row["labels"], row["start"]) == ("", None, 1_706_659_200_000_000)
    assert EVENTS.to_frame([tuple(row.values())]).equals(events([{"cause": None}]))


def test_rows_are_read_sorted_by_their_key() -> None:
    rows = EVENTS.to_rows(events([{"node": "n2"}, {"node": "n1", "start": START + HOUR / 2}, {"node": "n1"}]))
    read = EVENTS.to_frame(tuple(row.values()) for row in rows)
    assert read.select("node", "start").rows() == [("n1", START), ("n1", START + HOUR / 2), ("n2", START)]
