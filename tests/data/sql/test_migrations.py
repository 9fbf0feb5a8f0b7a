"""Databases of every earlier version, as the code of that version created them."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from data.errors import DataError
from data.sql import migrations
from data.sql.engine import connect, read_transaction, write_transaction
from data.sql.migrations import METADATA
from data.sql.records import Records

if TYPE_CHECKING:
    from pathlib import Path

# Exactly what commit 90b16e6 of Nodeward created.
VERSION_1 = """
CREATE TABLE schema_version (version INTEGER NOT NULL, PRIMARY KEY (version));
CREATE TABLE events (
  node TEXT NOT NULL, start BIGINT NOT NULL, "end" BIGINT, kind TEXT NOT NULL, cause TEXT NOT NULL,
  source TEXT NOT NULL, recorded_at BIGINT, end_recorded_at BIGINT, labels TEXT,
  PRIMARY KEY (node, start, kind, cause, source));
CREATE TABLE nodes (
  node TEXT NOT NULL, rack TEXT, hardware TEXT, partition TEXT, labels TEXT, observed_from BIGINT,
  observed_until BIGINT, as_of BIGINT, PRIMARY KEY (node));
CREATE TABLE blind (start BIGINT NOT NULL, "end" BIGINT NOT NULL, recorded_at BIGINT, PRIMARY KEY (start, "end"));
CREATE TABLE latest_scores (
  node TEXT NOT NULL, ts BIGINT, horizon_hours DOUBLE NOT NULL, probability DOUBLE, model_version TEXT,
  support TEXT, data_age_hours DOUBLE, reasons TEXT, PRIMARY KEY (node, horizon_hours));
CREATE TABLE decisions (
  node TEXT NOT NULL, ts BIGINT NOT NULL, action TEXT, reason TEXT, "limit" TEXT, probability DOUBLE,
  horizon_hours DOUBLE, model_version TEXT, PRIMARY KEY (node, ts));
INSERT INTO schema_version VALUES (1);
INSERT INTO events VALUES ('n1', 1000000, NULL, 'failure', '', 'made up', 1000000, NULL, '{"detail":"fan"}');
INSERT INTO events VALUES ('n2', 2000000, 3000001, 'maintenance', 'disk', 'made up', 2000000, 3000001, NULL);
INSERT INTO nodes VALUES ('n1', 'r1', NULL, NULL, '{}', 0, NULL, 5000000), ('n2', NULL, 'x', 'gpu', NULL, 0, 4, 5);
INSERT INTO blind VALUES (1, 2, 2);
INSERT INTO latest_scores VALUES ('n1', 7, 24.0, 0.125, '3', 'ok', 1.5, 'its fans');
INSERT INTO latest_scores VALUES ('n1', 7, 168.0, NULL, '3', '', 0, '');
INSERT INTO decisions VALUES ('n1', 7, 'drain', 'likely to fail', 'per_rack', 0.125, 24.0, '3');
"""
VERSION_99 = "UPDATE schema_version SET version = 99;"
COLUMNS = {  # of version 1
    "nodes": "node, rack, hardware, partition, labels, observed_from, observed_until, as_of",
    "latest_scores": "node, ts, horizon_hours, probability, model_version, support, data_age_hours, reasons",
}
TABLES = ("events", "nodes", "blind", "latest_scores", "decisions")


def create_database(file: Path, script: str) -> str:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(script)
    return f"sqlite:///{file}"


def stored_rows(file: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(file)) as connection:
        return {
            table: sorted(connection.execute(f"SELECT {COLUMNS.get(table, '*')} FROM {table}"), key=str)  # noqa: S608  - the names above
            for table in TABLES
        }


def version_of(url: str) -> int:
    engine = connect(url)
    with read_transaction(engine) as connection:
        version = migrations.version(connection)
    engine.dispose()
    return version


@pytest.fixture
def old_database(tmp_path: Path) -> Path:
    create_database(tmp_path / "x.db", VERSION_1)
    return tmp_path / "x.db"


def test_opening_a_database_of_version_1_upgrades_it_and_keeps_every_row(old_database: Path) -> None:
    before = stored_rows(old_database)
    records = Records.open(f"sqlite:///{old_database}")
    assert stored_rows(old_database) == before
    assert [len(before[table]) for table in TABLES] == [2, 2, 1, 2, 1]
    assert records.events()["cause"].to_list() == [None, "disk"]
    assert records.decisions()["limit"].to_list() == ["per_rack"]
    assert records.latest_scores()["cause"].to_list() == [None, None]
    assert [index["name"] for index in inspect(records.engine).get_indexes("events")] == ["events_by_node"]
    records.close()
    assert version_of(f"sqlite:///{old_database}") == migrations.SCHEMA_VERSION


@pytest.mark.parametrize("script", ["", VERSION_1], ids=["new", "version 1"])
def test_an_upgraded_database_has_the_current_tables(tmp_path: Path, script: str) -> None:
    records = Records.open(create_database(tmp_path / "x.db", script))
    with read_transaction(records.engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    records.close()


def test_tables_that_version_1_created_only_in_part_are_completed(tmp_path: Path) -> None:
    half = VERSION_1[: VERSION_1.index("CREATE TABLE blind")]
    records = Records.open(create_database(tmp_path / "x.db", half))
    assert records.blind().height == 0
    records.close()


def test_an_upgrade_that_fails_leaves_the_old_version(old_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.sql.migrations.STEPS", ("v1_first_tables", "v2_indices", "v3_that_is_broken"))
    engine, before = connect(f"sqlite:///{old_database}"), stored_rows(old_database)
    with pytest.raises(ModuleNotFoundError), write_transaction(engine) as connection:
        migrations.upgrade(connection, 3)
    assert inspect(engine).get_indexes("events") == []
    engine.dispose()
    assert (version_of(f"sqlite:///{old_database}"), stored_rows(old_database)) == (1, before)


def test_an_old_database_that_is_opened_many_times_at_once_is_upgraded_once(old_database: Path) -> None:
    before = stored_rows(old_database)
    with ThreadPoolExecutor(8) as threads:
        for records in threads.map(lambda _: Records.open(f"sqlite:///{old_database}"), range(8)):
            records.close()
    assert (version_of(f"sqlite:///{old_database}"), stored_rows(old_database)) == (migrations.SCHEMA_VERSION, before)


def test_opening_a_current_database_writes_nothing(old_database: Path) -> None:
    Records.open(f"sqlite:///{old_database}").close()
    content = old_database.read_bytes()
    with closing(sqlite3.connect(old_database)) as holder:
        holder.execute("BEGIN IMMEDIATE")  # a writer would wait for this
        Records.open(f"sqlite:///{old_database}").close()
    assert old_database.read_bytes() == content


def test_a_newer_version_is_refused_and_left_unchanged(tmp_path: Path) -> None:
    url = create_database(tmp_path / "x.db", VERSION_1 + VERSION_99)
    message = rf"x\.db has tables of version 99, but this Nodeward knows them up to {migrations.SCHEMA_VERSION}"
    with pytest.raises(DataError, match=message):
        Records.open(url)
    assert version_of(url) == 99
