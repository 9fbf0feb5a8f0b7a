from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data.delta.compaction import compact, table_size
from data.delta.rollup import rollup
from data.delta.store import Store
from data.disk.lock import exclusive_lock
from data.errors import DataError, InfrastructureError
from data.ingest.ingest import ingest
from data.ingest.quarantine import Quarantine
from data.maintenance.retention import MaintainReport, Retention, RetentionPlan, maintain
from data.schema import BUCKET_KEYS, DECISION_SCHEMA, QUARANTINE_SCHEMA, SCORE_SCHEMA
from data.sql.records import Records
from tests.data.made_up import DAY, HOUR, MINUTE, START, source, telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from data.delta.table import Table

NO_DELAY = timedelta(0)
NOW = START + 40 * DAY


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "a state" / "tables", HOUR)


@pytest.fixture(scope="module")
def filled_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return tables of forty days over the ends of two months, in ten commits of three hours each."""
    folder = tmp_path_factory.mktemp("filled")
    store = Store.open(folder, HOUR)
    for day in range(0, 40, 4):
        merge_and_refresh(store, *hourly(day * 24 + 2, day * 24 + 5))
    return folder


@pytest.fixture
def full(filled_folder: Path, store: Store) -> Store:
    assert store.lock
    shutil.copytree(filled_folder, store.lock.parent)
    return store


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    opened = Records.open(f"sqlite:///{tmp_path / 'nodeward.db'}")
    yield opened
    opened.close()


def merge_and_refresh(store: Store, *samples: tuple[str, timedelta, timedelta, float | None]) -> int:
    return store.buckets.refresh(store.telemetry, store.telemetry.merge(telemetry(samples)))


def hourly(first: int, last: int) -> list[tuple[str, timedelta, timedelta, float | None]]:
    """Return two samples in each of these hours."""
    return [
        ("n1", hour * HOUR - minutes * MINUTE, NO_DELAY, hour + 0.1 * minutes)
        for hour in range(first, last)
        for minutes in (0, 20)
    ]


def plan_of(
    days: float | None = None, cited: dict[str, list[int]] | None = None, *, vacuum: bool = False, now: datetime = NOW
) -> RetentionPlan:
    retention = Retention(telemetry=None if days is None else timedelta(days=days))
    return RetentionPlan(retention, now, cited or {}, NO_DELAY if vacuum else timedelta(days=7), timedelta(seconds=0.1))


def samples(store: Store) -> pl.DataFrame:
    return store.telemetry.read().sort("node", "ts")


def buckets(store: Store) -> pl.DataFrame:
    return store.buckets.read().sort(*BUCKET_KEYS)


def test_an_empty_state_stays_empty(store: Store, records: Records) -> None:
    report = maintain(store, records, plan_of(1, vacuum=True))
    assert (store.versions(), report.dropped_until, report.decisions) == ({}, None, 0)


def test_telemetry_is_deleted_by_whole_buckets_and_its_buckets_stay(full: Store, records: Records) -> None:
    before = buckets(full)
    report = maintain(full, records, plan_of(days=10.01))
    dropped_until = START + 29 * DAY + 23 * HOUR
    assert report.dropped_until == dropped_until
    assert samples(full)["ts"].min() == START + 32 * DAY + 100 * MINUTE
    assert report.tables["telemetry"].before.rows - report.tables["telemetry"].after.rows == 8 * 6
    assert_frame_equal(buckets(full), before, check_exact=True)


def test_telemetry_is_rolled_up_before_it_is_deleted(store: Store, records: Records) -> None:
    store.telemetry.merge(telemetry(hourly(0, 3)))  # and the process is killed
    maintain(store, records, plan_of(days=1))
    assert (samples(store).height, buckets(store).height) == (0, 3)


def test_late_rows_of_deleted_telemetry_are_counted_and_change_nothing(full: Store, records: Records) -> None:
    maintain(full, records, plan_of(days=10))
    before = samples(full), buckets(full)
    late = telemetry([("n1", 5 * DAY + MINUTE, DAY, 99.0), ("n1", 39 * DAY + 5 * HOUR, NO_DELAY, 1.0)])
    change = full.telemetry.merge(late)
    assert (change.expired, change.inserted) == (1, 1)
    assert full.buckets.refresh(full.telemetry, change) == 1
    assert samples(full).height == before[0].height + 1
    assert_frame_equal(buckets(full).head(-1), before[1], check_exact=True)


def test_ingesting_the_same_source_after_retention_changes_nothing(store: Store, records: Records) -> None:
    everything = telemetry(hourly(0, 24 * 40))
    store.buckets.refresh(store.telemetry, store.telemetry.merge(everything))
    maintain(store, records, plan_of(days=10))
    before, version = buckets(store), store.telemetry.table.version()
    change = store.telemetry.merge(everything)
    assert (change.inserted, change.replaced, change.expired) == (0, 0, everything.height - samples(store).height)
    assert store.buckets.refresh(store.telemetry, change) == 0
    assert store.telemetry.table.version() == version
    assert_frame_equal(buckets(store), before, check_exact=True)


def test_an_ingest_reports_how_many_rows_retention_leaves_out(store: Store, records: Records) -> None:
    old, new = (
        telemetry([("n1", DAY, NO_DELAY, 1.0), ("n2", DAY, NO_DELAY, 1.0)]),
        telemetry([("n1", 20 * DAY, NO_DELAY, 1.0)]),
    )
    ingest(source(old, new), store, records, lambda: NOW)
    maintain(store, records, plan_of(days=25))
    report = ingest(source(old, new), store, records, lambda: NOW)
    assert report.notices == ("telemetry: 2 rows up to 2024-02-15 00:00 were left out: older than retention keeps",)


def test_buckets_without_telemetry_are_kept_after_an_interrupted_refresh(full: Store, records: Records) -> None:
    maintain(full, records, plan_of(days=10))
    before = buckets(full)
    full.telemetry.merge(telemetry([("n1", 40 * DAY, NO_DELAY, 7.0)]))  # and the process is killed
    merge_and_refresh(full, ("n1", 41 * DAY, NO_DELAY, 8.0))
    assert_frame_equal(buckets(full).head(-2), before, check_exact=True)
    remaining = rollup(samples(full), full.telemetry.metrics(), HOUR)
    assert_frame_equal(buckets(full).tail(remaining.height), remaining, check_exact=True, check_column_order=False)


def test_another_width_is_refused_while_there_are_buckets_without_telemetry(full: Store, records: Records) -> None:
    maintain(full, records, plan_of(days=10))
    before, wider = buckets(full), Store.open(full.telemetry.table.uri.rpartition("/")[0], 2 * HOUR)
    with pytest.raises(DataError, match=r"can't be made 2:00:00 wide(?s:.)*set buckets\.width back to 1:00:00"):
        merge_and_refresh(wider, ("n1", 41 * DAY, NO_DELAY, 8.0))
    merge_and_refresh(full, ("n1", 41 * DAY, NO_DELAY, 8.0))
    assert_frame_equal(buckets(full).head(-1), before, check_exact=True)


def test_another_width_is_accepted_after_those_buckets_are_deleted(store: Store, records: Records) -> None:
    merge_and_refresh(store, *hourly(0, 24 * 4))
    retention = Retention(telemetry=timedelta(days=1), buckets=timedelta(days=1))
    maintain(store, records, RetentionPlan(retention, START + 4 * DAY, {}))
    wider = Store.open(store.telemetry.table.uri.rpartition("/")[0], 5 * HOUR)
    merge_and_refresh(wider, ("n1", 5 * DAY, NO_DELAY, 8.0))
    complete = rollup(samples(wider), wider.telemetry.metrics(), 5 * HOUR).filter(
        pl.col("bucket_end") > START + 3 * DAY + 5 * HOUR
    )
    stored = buckets(wider)
    assert_frame_equal(stored.tail(complete.height), complete, check_exact=True, check_column_order=False)
    assert stored.height - complete.height in {0, 1}
    assert (stored["load__n"] > 0).all()


def test_small_files_are_merged_by_month_and_no_bit_changes(full: Store, records: Records) -> None:
    before = samples(full), buckets(full)
    report = maintain(full, records, plan_of())
    assert report.tables["telemetry"].before.files == 10
    assert [report.tables[name].after.files for name in ("telemetry", "buckets")] == [3, 3]
    assert_frame_equal(samples(full), before[0], check_exact=True)
    assert_frame_equal(buckets(full), before[1], check_exact=True)


def test_the_next_refresh_after_maintenance_is_incremental(full: Store, records: Records) -> None:
    maintain(full, records, plan_of(10, vacuum=True))
    assert merge_and_refresh(full, ("n1", 40 * DAY, NO_DELAY, 7.0)) == 1


def test_repeated_maintenance_changes_nothing(full: Store, records: Records) -> None:
    maintain(full, records, plan_of(10, vacuum=True))
    version = full.telemetry.table.version()
    again = maintain(full, records, plan_of(10, vacuum=True))
    assert len(again.tables) == 4
    assert all(table.before == table.after for table in again.tables.values())
    assert full.telemetry.table.version() == version


def is_readable(table: Table, version: int) -> bool:
    try:
        table.at_version(version).scan().collect()
    except FileNotFoundError:
        return False
    return True


def test_cited_versions_are_read_bit_for_bit_after_vacuum_and_uncited_ones_are_removed(
    full: Store, records: Records
) -> None:
    table, buckets_cited = full.telemetry.table, full.buckets.finished_table().version()
    before = {version: table.at_version(version).scan().sort("ts").collect() for version in (3, 8)}
    buckets_before = full.buckets.table.at_version(buckets_cited).scan().sort("bucket_end").collect()
    merge_and_refresh(full, ("n1", 39 * DAY + 9 * HOUR, NO_DELAY, 7.0))
    plan = plan_of(days=5, cited={"telemetry": [3, 8], "buckets": [buckets_cited, -1]}, vacuum=True)
    report = maintain(full, records, plan)
    assert report.tables["telemetry"].removed_files > 0
    assert report.spared["telemetry"] == (3, 8)
    for version, frame in before.items():
        assert_frame_equal(table.at_version(version).scan().sort("ts").collect(), frame, check_exact=True)
    again = full.buckets.table.at_version(buckets_cited).scan().sort("bucket_end").collect()
    assert_frame_equal(again, buckets_before, check_exact=True)
    assert [is_readable(table, version) for version in (2, 9, 10)] == [True, False, False]  # 3 includes the files of 2


def test_a_version_may_be_behind_a_checkpoint_of_the_log(store: Store, records: Records) -> None:
    table = store.telemetry.table
    for minute in range(3):
        store.telemetry.merge(telemetry([("n1", minute * MINUTE, NO_DELAY, 1.0 * minute)]))
    compact(table)
    for number in range(4, 110):
        table.write_notes({"made up": number})
    assert list(Path(table.uri, "_delta_log").glob("*.checkpoint.parquet"))
    maintain(store, records, plan_of(cited={"telemetry": [1]}, vacuum=True))
    assert [is_readable(table, version) for version in (1, 2)] == [True, False]
    assert table.at_version(1).scan().collect().height == 2
    assert samples(store).height == 3


def test_files_of_recent_versions_stay_for_their_readers(full: Store, records: Records) -> None:
    before = full.telemetry.table.at_version(7).scan().collect()
    assert maintain(full, records, plan_of(10)).tables["telemetry"].removed_files == 0
    assert full.telemetry.table.at_version(7).scan().collect().equals(before)


def test_scores_and_decisions_are_deleted_by_their_own_times_and_quarantined_rows_by_when_they_came(
    store: Store, records: Records
) -> None:
    days = [START + day * DAY for day in range(40)]
    store.scores.add(_frame(SCORE_SCHEMA, ts=days))
    Quarantine(store.quarantine).add(_frame(QUARANTINE_SCHEMA, ts=[START, None]), NOW - 2 * DAY)
    Quarantine(store.quarantine).add(_frame(QUARANTINE_SCHEMA, ts=[NOW]), NOW - 6 * DAY)
    store.quarantine.add(_frame(QUARANTINE_SCHEMA, ts=[START + DAY, None], node=["of an older", "Nodeward"]))
    records.record_decisions(_frame(DECISION_SCHEMA, ts=days, node=["n1"] * 40))
    retention = Retention(scores=10 * DAY, quarantine=5 * DAY, decisions=3 * DAY)
    report = maintain(store, records, RetentionPlan(retention, NOW, {}))
    assert store.scores.read()["ts"].sort().to_list() == days[31:]
    assert store.quarantine.read().sort("ts", "node").select("ts", "node").rows() == [
        (None, None), (None, "Nodeward"), (START, None),
    ]  # fmt: skip
    assert (report.decisions, records.decisions()["ts"].to_list()) == (37, days[37:])


def _frame(schema: dict[str, pl.DataType], **columns: Sequence[object]) -> pl.DataFrame:
    height = len(columns["ts"])
    values = {name: columns.get(name, [None] * height) for name in schema}
    return pl.DataFrame(values, schema=schema)


def test_a_clock_that_was_set_back_restores_nothing(full: Store, records: Records) -> None:
    maintain(full, records, plan_of(days=10))
    before = samples(full)
    assert maintain(full, records, plan_of(days=10, now=NOW - 20 * DAY)).dropped_until == START + 30 * DAY
    assert full.telemetry.merge(telemetry(hourly(24 * 20, 24 * 21))).expired > 0
    assert samples(full).equals(before)


def test_nothing_is_changed_while_another_process_writes(full: Store, records: Records) -> None:
    version = full.telemetry.table.version()
    assert full.lock
    with exclusive_lock(full.lock, NO_DELAY), pytest.raises(InfrastructureError, match="is writing to the same state"):
        maintain(full, records, plan_of(10))
    assert full.telemetry.table.version() == version


SCRIPT = """
import sys
from datetime import datetime, timedelta
from pathlib import Path
from data.maintenance.retention import RetentionPlan, Retention, maintain
from data.sql.records import Records
from data.delta.store import Store
store, records = Store.open(sys.argv[1], timedelta(hours=1)), Records.open(sys.argv[2])
print("ready", flush=True)
plan = RetentionPlan(Retention(telemetry=timedelta(days=10)), datetime.fromisoformat(sys.argv[3]), {}, timedelta(0))
maintain(store, records, plan)
print("done", flush=True)
"""


@pytest.mark.parametrize("after_ms", [10, 40, 90])
def test_a_process_that_is_killed_during_maintenance_loses_and_duplicates_nothing(
    full: Store, records: Records, tmp_path: Path, after_ms: int
) -> None:
    before, buckets_before = samples(full), buckets(full)
    _kill_during_maintain(tmp_path, after_ms)
    assert_frame_equal(buckets(full), buckets_before, check_exact=True)  # also for readers in between
    merge_and_refresh(full, ("n1", 40 * DAY, NO_DELAY, 7.0))
    assert_frame_equal(buckets(full).head(-1), buckets_before, check_exact=True)
    report = maintain(full, records, plan_of(days=10, vacuum=True))
    assert_frame_equal(samples(full).head(-1), before.filter(pl.col("ts") > START + 30 * DAY), check_exact=True)
    assert_frame_equal(buckets(full).head(-1), buckets_before, check_exact=True)
    assert report.tables["telemetry"].after == table_size(full.telemetry.table)


def _kill_during_maintain(root: Path, after_ms: int) -> None:
    tables, database = root / "a state" / "tables", f"sqlite:///{root / 'nodeward.db'}"
    command = [sys.executable, "-c", SCRIPT, str(tables), database, NOW.isoformat()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  - the script above
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            process.wait(after_ms / 1000)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)


FULL = """
import resource, sys
from datetime import datetime, timedelta
from data.errors import DiskFullError
from data.maintenance.retention import RetentionPlan, Retention, maintain
from data.sql.records import Records
from data.delta.store import Store
store, records = Store.open(sys.argv[1], timedelta(hours=1)), Records.open(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    maintain(store, records, RetentionPlan(Retention(), datetime.fromisoformat(sys.argv[3]), {}, timedelta(0)))
except DiskFullError as fault:
    print(fault)
"""


def test_a_full_disk_is_reported_and_every_row_stays(full: Store, records: Records, tmp_path: Path) -> None:
    before = samples(full), buckets(full)
    command = [sys.executable, "-B", "-c", FULL, str(tmp_path / "a state" / "tables"), str(records.engine.url)]
    done = subprocess.run([*command, NOW.isoformat()], check=True, capture_output=True, text=True)  # noqa: S603  - the script above
    assert "free some space" in done.stdout
    assert_frame_equal(samples(full), before[0], check_exact=True)
    assert_frame_equal(buckets(full), before[1], check_exact=True)
    assert maintain(full, records, plan_of()).tables["telemetry"].after.files == 3


def test_the_report_has_the_sizes_before_and_after(full: Store, records: Records) -> None:
    report: MaintainReport = maintain(full, records, plan_of(10, vacuum=True))
    table = report.tables["telemetry"]
    assert (table.before.rows, table.after.rows) == (60, samples(full).height)
    assert table.before.bytes > table.after.bytes > 0
