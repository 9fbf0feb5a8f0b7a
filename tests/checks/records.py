"""The contract of the records, which every database fulfils."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import polars as pl
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import delete, update

from data.errors import DataError
from data.schema import BLIND_SCHEMA, DECISION_SCHEMA, EVENT_SCHEMA, NODE_SCHEMA, SCORE_SCHEMA
from data.sql.engine import read_transaction
from data.sql.migrations import METADATA, VERSIONS
from data.sql.records import MergeReport, Records
from data.sql.tables import LATEST_SCORES
from tests.data.made_up import DAY, HOUR, START, blind, events, nodes


def another(records: Records) -> Records:
    """Open the same database again, as another process does."""
    return Records.open(records.engine.url.render_as_string(hide_password=False))


def scores(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCORE_SCHEMA, orient="row")


def score(node: str, probability: float | None) -> tuple[object, ...]:
    return (node, START, 24.0, probability, "3", "ok", 1.5, "its fans", "fan", 0.62, None)


def decision(node: str, action: str) -> pl.DataFrame:
    row = (node, START, action, "likely to fail", None, 0.5, 24.0, "3")
    return pl.DataFrame([row], schema=DECISION_SCHEMA, orient="row")


class RecordsContract:
    """A subclass provides the fixture `records`."""

    def test_a_new_database_has_empty_tables_of_the_right_columns(self, records: Records) -> None:
        frames = [records.events(), records.nodes(), records.blind(), records.latest_scores(), records.decisions()]
        expected = [EVENT_SCHEMA, NODE_SCHEMA, BLIND_SCHEMA, SCORE_SCHEMA, DECISION_SCHEMA]
        assert [dict(frame.schema) for frame in frames] == expected
        assert [frame.height for frame in frames] == [0] * 5

    def test_written_records_are_read_back_by_another_process(self, records: Records) -> None:
        still_open = {"cause": None, "end": None, "end_recorded_at": None, "labels": '{"detail":"fan"}'}
        rows = events([still_open, {"node": "n2"}])
        records.merge_events(rows)
        records.merge_nodes(nodes([{"node": "ñ", "as_of": START}]))
        records.merge_blind(blind((HOUR, DAY)))
        again = another(records)
        assert again.events().sort("node").equals(rows)
        assert again.nodes().equals(nodes([{"node": "ñ", "as_of": START}]))
        assert again.blind().equals(blind((HOUR, DAY)))
        again.close()

    def test_a_merge_reports_its_changes_and_repeated_changes_nothing(self, records: Records) -> None:
        still_open = events([{"end": None, "end_recorded_at": None}, {"node": "n2"}])
        assert records.merge_events(still_open) == MergeReport(2, 0, 0)
        assert records.merge_events(events([{}, {"node": "n3"}])) == MergeReport(1, 1, 0)
        assert records.merge_events(still_open) == MergeReport(0, 0, 2)
        assert records.events()["end"].null_count() == 0

    def test_an_empty_cause_is_no_cause(self, records: Records) -> None:
        assert records.merge_events(events([{"cause": ""}, {"cause": None}])) == MergeReport(1, 0, 0)
        assert records.events()["cause"].to_list() == [None]

    def test_the_newer_inventory_wins_in_either_order(self, records: Records) -> None:
        newer, older = nodes([{"rack": "r2", "as_of": START + DAY}]), nodes([{"rack": "r1", "as_of": START}])
        records.merge_nodes(newer)
        assert records.merge_nodes(older) == MergeReport(0, 0, 1)
        assert records.nodes()["rack"].to_list() == ["r2"]

    def test_publishing_replaces_all_scores(self, records: Records) -> None:
        records.publish_scores(scores(score("n1", 0.1), score("n2", None)))
        records.publish_scores(scores(score("n2", 0.2)))
        assert records.latest_scores().rows() == [score("n2", 0.2)]

    def test_scores_of_an_earlier_time_do_not_replace_later_ones_unless_forced(self, records: Records) -> None:
        old, new = (
            scores(score("n1", probability)).with_columns(ts=pl.lit(ts))
            for probability, ts in ((0.1, START), (0.2, START + DAY))
        )
        assert records.publish_scores(new) is None
        assert records.publish_scores(old) == START + DAY
        assert records.latest_scores()["probability"].to_list() == [0.2]
        assert records.publish_scores(old, force=True) is None
        assert records.latest_scores()["probability"].to_list() == [0.1]

    def test_scores_of_the_same_time_replace_each_other(self, records: Records) -> None:
        assert records.publish_scores(scores(score("n1", 0.1))) is None
        assert records.publish_scores(scores(score("n1", 0.2))) is None
        assert records.latest_scores()["probability"].to_list() == [0.2]

    def test_a_reader_sees_the_old_scores_until_the_new_ones_are_complete(self, records: Records) -> None:
        records.publish_scores(scores(score("n1", 0.1)))
        twice = scores(score("n2", 0.2), score("n2", 0.2))
        with pytest.raises(Exception, match=r"(?i)unique"):
            records.publish_scores(twice)
        assert records.latest_scores().rows() == [score("n1", 0.1)]

    def test_a_reader_does_not_wait_for_a_writer_and_sees_the_earlier_scores(self, records: Records) -> None:
        records.publish_scores(scores(score("n1", 0.1)))
        with records.engine.begin() as writer:
            writer.execute(delete(LATEST_SCORES.sql))
            assert records.latest_scores().height == 1
        assert records.latest_scores().height == 0

    def test_a_decision_replaces_the_earlier_one_of_the_same_node_and_time(self, records: Records) -> None:
        records.record_decisions(decision("n1", "drain"))
        records.record_decisions(decision("n2", "drain"))
        records.record_decisions(decision("n1", "leave"))
        assert records.decisions().select("node", "action").rows() == [("n1", "leave"), ("n2", "drain")]

    def test_tables_of_a_newer_nodeward_are_refused(self, records: Records) -> None:
        with records.engine.begin() as connection:
            connection.execute(update(VERSIONS).values(version=99))
        with pytest.raises(DataError, match=r"has tables of version 99, but this Nodeward knows them up to"):
            another(records)

    def test_ten_thousand_nodes_are_merged_and_scored_in_seconds(self, records: Records) -> None:
        names = [f"n{number}" for number in range(10_000)]
        records.merge_nodes(nodes([{"node": name, "as_of": START} for name in names]))
        records.publish_scores(scores(*(score(name, 0.1) for name in names)))
        assert records.latest_scores().height == records.nodes().height == len(names)

    def test_microseconds_are_kept(self, records: Records) -> None:
        microsecond = timedelta(microseconds=1)
        records.merge_events(events([{"start": START + microsecond, "end": START + HOUR + 3 * microsecond}]))
        assert records.events()["end"].to_list() == [START + HOUR + 3 * microsecond]

    def test_texts_in_any_script_and_with_any_quote_are_kept(self, records: Records) -> None:
        rows = events(
            [{"cause": cause} for cause in ("d'or", 'a "b" %s %(x)s :y \\', "冷却 ñ \U0001f525", "x" * 9_999)]
        )
        records.merge_events(rows)
        assert set(records.events()["cause"]) == set(rows["cause"])

    def test_the_character_zero_is_removed_and_makes_no_second_event(self, records: Records) -> None:
        for _ in range(2):
            records.merge_events(events([{"cause": "a\0b", "labels": "{\0}"}]))
        assert records.events().select("cause", "labels").rows() == [("ab", "{}")]
        records.publish_scores(scores((*score("n1", 0.1)[:-4], "its\0fans", None, None, None)))
        assert records.latest_scores()["reasons"].to_list() == ["itsfans"]

    def test_the_tables_match_the_schemas_of_the_frames(self, records: Records) -> None:
        with read_transaction(records.engine) as connection:
            assert compare_metadata(MigrationContext.configure(connection), METADATA) == []

    def test_two_simultaneous_writers_lose_and_duplicate_nothing(self, records: Records) -> None:
        ends = [None, *(START + hour * HOUR for hour in range(1, 6))]
        batches = [
            events([{"node": f"n{node}", "end": end, "end_recorded_at": end} for node in range(20)]) for end in ends
        ]
        connections = [another(records) for _ in range(2)]
        with ThreadPoolExecutor(2) as threads:
            reports = list(threads.map(lambda i: connections[i % 2].merge_events(batches[i]), range(len(batches))))
        for connection in connections:
            connection.close()
        assert records.events()["end"].to_list() == [ends[-1]] * 20
        assert sum(report.inserted for report in reports) == 20

    def test_decisions_before_a_time_are_deleted_and_counted(self, records: Records) -> None:
        days = [decision("n1", "drain").with_columns(ts=pl.lit(START + day * DAY)) for day in range(3)]
        records.record_decisions(pl.concat(days))
        assert [records.delete_decisions(START + DAY), records.delete_decisions(START + DAY)] == [1, 0]
        assert records.decisions()["ts"].to_list() == [START + DAY, START + 2 * DAY]

    def test_empty_tables_can_be_written(self, records: Records) -> None:
        assert records.merge_events(events([])) == MergeReport(0, 0, 0)
        records.publish_scores(scores())
        assert records.latest_scores().height == 0
