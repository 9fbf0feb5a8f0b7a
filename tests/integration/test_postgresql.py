"""Records on a real PostgreSQL server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import sql

from data.errors import DataError, InfrastructureError, UnreachableError
from data.sql.engine import write_transaction
from data.sql.records import Records
from tests.checks.records import RecordsContract, score, scores
from tests.data.made_up import events

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.postgresql import Server


@pytest.fixture
def url(postgresql: Server) -> str:
    return postgresql.create()


@pytest.fixture
def records(url: str) -> Iterator[Records]:
    opened = Records.open(url)
    yield opened
    opened.close()


class TestRecordsOnPostgresql(RecordsContract):
    pass


def test_a_wrong_password_is_reported_and_not_shown(postgresql: Server) -> None:
    with pytest.raises(UnreachableError, match="password authentication failed") as refused:
        Records.open(postgresql.url("postgres", password="not-this-one"))  # noqa: S106  - made up
    assert "not-this-one" not in str(refused.value)


def test_a_missing_database_is_reported(postgresql: Server) -> None:
    with pytest.raises(UnreachableError, match='database "nowhere" does not exist'):
        Records.open(postgresql.url("nowhere"))


def test_a_missing_schema_is_reported(url: str) -> None:
    with pytest.raises(DataError, match="no schema has been selected"):
        Records.open(f"{url}?options=-csearch_path%3Dnowhere")


def test_a_user_without_write_permission_can_read_and_gets_an_error_when_writing(postgresql: Server, url: str) -> None:
    Records.open(url).close()
    database = url.rpartition("/")[2]
    postgresql.run(sql.SQL("DROP ROLE IF EXISTS reader"))
    postgresql.run(sql.SQL("CREATE ROLE reader LOGIN PASSWORD 'reader'"))
    postgresql.run(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"), database)
    reader = Records.open(postgresql.url(database, "reader", "reader"))
    assert reader.events().height == 0
    with pytest.raises(InfrastructureError, match=r"permission denied for table events\n  → grant this user"):
        reader.merge_events(events([{}]))
    reader.close()
    postgresql.run(sql.SQL("DROP OWNED BY reader"), database)


def test_a_read_only_server_is_reported(url: str) -> None:
    Records.open(url).close()
    reader = Records.open(f"{url}?options=-cdefault_transaction_read_only%3Don")
    with pytest.raises(InfrastructureError, match="read-only transaction"):
        reader.merge_events(events([{}]))
    reader.close()


def test_a_writer_that_waits_too_long_for_another_gets_an_error(
    records: Records, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.sql.engine.LOCK_SECONDS", 1)
    other = Records.open(url)
    with (
        write_transaction(records.engine),
        pytest.raises(InfrastructureError, match="another process has been writing"),
    ):
        other.publish_scores(scores(score("n1", 0.1)))
    other.close()


def test_a_broken_connection_in_a_transaction_is_reported_and_the_next_one_works(
    postgresql: Server, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.publish_scores(scores(score("n1", 0.1)))

    def restart(*_: object) -> None:
        postgresql.stop()
        postgresql.start()

    with monkeypatch.context() as patch:
        patch.setattr("data.sql.records._delete", restart)
        with pytest.raises(UnreachableError):
            records.merge_events(events([{}]))
    assert records.events().height == 0
    assert records.merge_events(events([{}])).inserted == 1
    assert records.latest_scores().height == 1
