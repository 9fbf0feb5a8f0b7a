from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, update

from data.errors import DataError, UnreachableError
from data.records import MergeReport, Records
from data.schema import BLIND_SCHEMA, DECISION_SCHEMA, EVENT_SCHEMA, NODE_SCHEMA, SCORE_SCHEMA
from data.tables import EVENTS, LATEST_SCORES, VERSIONS
from tests.data.made_up import DAY, HOUR, START, blind, events, nodes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  - bounds are naive here


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = Records.at(f"sqlite:///{tmp_path / 'var' / 'nodeward.db'}")
    yield opened
    opened.close()


def scores(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCORE_SCHEMA, orient="row")


def score(node: str, probability: float | None) -> tuple[object, ...]:
    return (node, START, 24.0, probability, "3", "ok", 1.5, "its fans")


def decision(node: str, action: str) -> pl.DataFrame:
    row = (node, START, action, "likely to fail", None, 0.5, 24.0, "3")
    return pl.DataFrame([row], schema=DECISION_SCHEMA, orient="row")


def test_a_new_database_holds_empty_tables_of_the_right_columns(records: Records) -> None:
    read = [records.events(), records.nodes(), records.blind(), records.latest_scores(), records.decisions()]
    expected = [EVENT_SCHEMA, NODE_SCHEMA, BLIND_SCHEMA, SCORE_SCHEMA, DECISION_SCHEMA]
    assert [dict(frame.schema) for frame in read] == expected
    assert all(frame.height == 0 for frame in read)


def test_what_was_written_is_read_back_by_another_process(records: Records) -> None:
    rows = events([{"cause": None, "end": None, "end_recorded_at": None, "labels": '{"detail":"fan"}'}, {"node": "n2"}])
    records.merge_events(rows)
    records.merge_nodes(nodes([{"node": "ñ", "as_of": START}]))
    records.merge_blind(blind((HOUR, DAY)))
    again = Records.at(str(records.engine.url))
    assert again.events().sort("node").equals(rows)
    assert again.nodes().equals(nodes([{"node": "ñ", "as_of": START}]))
    assert again.blind().equals(blind((HOUR, DAY)))
    again.close()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | TIMES, min_size=1))
def test_times_survive_to_the_microsecond(times: list[datetime | None]) -> None:
    rows = events([{"cause": str(number), "end": time} for number, time in enumerate(times)])
    stored = [tuple(row.values()) for row in EVENTS.to_rows(rows)]
    assert EVENTS.to_frame(stored).sort(pl.col("cause").cast(pl.Int64)).equals(rows)


def test_merging_reports_what_it_did_and_again_does_nothing(records: Records) -> None:
    still_open = events([{"end": None, "end_recorded_at": None}, {"node": "n2"}])
    assert records.merge_events(still_open) == MergeReport(2, 0, 0)
    assert records.merge_events(events([{}, {"node": "n3"}])) == MergeReport(1, 1, 0)
    assert records.merge_events(still_open) == MergeReport(0, 0, 2)
    assert records.events()["end"].null_count() == 0


def test_an_empty_cause_is_no_cause(records: Records) -> None:
    assert records.merge_events(events([{"cause": ""}, {"cause": None}])) == MergeReport(1, 0, 0)
    assert records.events()["cause"].to_list() == [None]


def test_the_newer_inventory_wins_whenever_it_comes(records: Records) -> None:
    newer, older = nodes([{"rack": "r2", "as_of": START + DAY}]), nodes([{"rack": "r1", "as_of": START}])
    records.merge_nodes(newer)
    assert records.merge_nodes(older) == MergeReport(0, 0, 1)
    assert records.nodes()["rack"].to_list() == ["r2"]


def test_publishing_replaces_all_scores(records: Records) -> None:
    records.publish_scores(scores(score("n1", 0.1), score("n2", None)))
    records.publish_scores(scores(score("n2", 0.2)))
    assert records.latest_scores().rows() == [score("n2", 0.2)]


def test_a_reader_sees_the_old_scores_until_the_new_ones_are_complete(records: Records) -> None:
    records.publish_scores(scores(score("n1", 0.1)))
    twice = scores(score("n2", 0.2), score("n2", 0.2))
    with pytest.raises(Exception, match="UNIQUE"):
        records.publish_scores(twice)
    assert records.latest_scores().rows() == [score("n1", 0.1)]


def test_a_reader_is_not_held_up_by_a_writer_and_sees_what_was_published_before(records: Records) -> None:
    records.publish_scores(scores(score("n1", 0.1)))
    with records.engine.begin() as writer:
        writer.execute(delete(LATEST_SCORES.sql))
        assert records.latest_scores().height == 1
    assert records.latest_scores().height == 0


def test_a_decision_of_the_same_node_and_time_takes_the_earlier_ones_place(records: Records) -> None:
    records.record_decisions(decision("n1", "drain"))
    records.record_decisions(decision("n2", "drain"))
    records.record_decisions(decision("n1", "leave"))
    assert records.decisions().select("node", "action").rows() == [("n1", "leave"), ("n2", "drain")]


def test_tables_of_a_newer_nodeward_are_refused(records: Records) -> None:
    with records.engine.begin() as connection:
        connection.execute(update(VERSIONS).values(version=99))
    with pytest.raises(DataError, match=r"nodeward\.db has tables of version 99, but this Nodeward knows them up to"):
        Records.at(str(records.engine.url))


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("surely no database, whatever its name may say of it")
    with pytest.raises(UnreachableError, match=r"x\.db"):
        Records.at(f"sqlite:///{tmp_path / 'x.db'}")


def test_a_database_that_another_program_holds_is_named(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.database.SQLITE_SETTINGS", ("journal_mode = WAL", "busy_timeout = 50"))
    impatient = Records.at(str(records.engine.url))
    holder = sqlite3.connect(records.engine.url.database or "")
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(UnreachableError, match="database is locked"):
        impatient.publish_scores(scores(score("n1", 0.1)))
    holder.close()
    impatient.close()


def test_ten_thousand_nodes_are_merged_and_scored_in_seconds(records: Records) -> None:
    names = [f"n{number}" for number in range(10_000)]
    records.merge_nodes(nodes([{"node": name, "as_of": START} for name in names]))
    records.publish_scores(scores(*(score(name, 0.1) for name in names)))
    assert records.latest_scores().height == records.nodes().height == len(names)


def test_a_delay_is_not_lost_in_sqlites_types(records: Records) -> None:
    tick = timedelta(microseconds=1)
    records.merge_events(events([{"start": START + tick, "end": START + HOUR + 3 * tick}]))
    assert records.events()["end"].to_list() == [START + HOUR + 3 * tick]
