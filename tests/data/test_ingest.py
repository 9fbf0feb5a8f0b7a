from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from data.errors import ColumnError, EmptyTableError, SourceFileError, SurroundingsError
from data.ingest import IngestOptions, IngestReport, ingest
from data.lock import writing
from data.records import Records
from data.rollup import rollup
from data.schema import BUCKET_KEYS
from data.sources.files import ParquetSource
from data.store import Store
from tests.data.made_up import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    START,
    MemorySource,
    blind,
    events,
    nodes,
    source,
    telemetry,
    write_folder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from data.source import Source

NONE = timedelta(0)
SOUND = telemetry([("n1", HOUR, NONE, 1.0), ("n2", HOUR, NONE, 2.0)])


class State:
    """An empty state in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = Store.at(root, HOUR)
        self.records = Records.at(f"sqlite:///{root / 'nodeward.db'}")

    def take(self, origin: Source, options: IngestOptions | None = None) -> IngestReport:
        return ingest(origin, self.store, self.records, lambda: NOW, options)

    def is_empty(self) -> bool:
        tables = (self.records.events(), self.records.nodes(), self.records.blind())
        return self.store.versions() == {} and all(table.height == 0 for table in tables)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = State(tmp_path / "var")
    yield made
    made.records.close()


def test_every_table_arrives(state: State) -> None:
    report = state.take(source(SOUND))
    assert {table: rows.inserted for table, rows in report.tables.items()} == {
        "nodes": 2, "events": 1, "blind": 1, "telemetry": 2,
    }  # fmt: skip
    assert (report.buckets, report.notices, report.newest) == (2, (), START + HOUR)
    assert state.store.telemetry.read().sort("node").equals(SOUND)
    assert state.records.events().equals(events([{}]))
    assert state.records.blind().equals(blind((HOUR, 2 * HOUR)))
    assert state.store.buckets.read().sort(*BUCKET_KEYS).equals(rollup(SOUND, ["load"], HOUR))


def test_a_second_time_changes_nothing(state: State) -> None:
    state.take(source(SOUND))
    versions = state.store.versions()
    report = state.take(source(SOUND))
    assert state.store.versions() == versions
    assert all(rows.inserted == rows.replaced == 0 for rows in report.tables.values())
    assert {table: rows.unchanged for table, rows in report.tables.items()} == {
        "nodes": 2, "events": 1, "blind": 1, "telemetry": 2,
    }  # fmt: skip


def test_faulty_rows_are_quarantined_once_and_counted_each_time(state: State) -> None:
    spoilt = telemetry([("n1", HOUR, NONE, 1.0), ("stranger", HOUR, NONE, 2.0), ("n2", HOUR, NONE, float("inf"))])
    origin = replace(source(spoilt), event_rows=events([{}, {"node": "n2", "kind": ""}]))
    counts = [{table: rows.quarantined for table, rows in state.take(origin).tables.items()} for _ in range(2)]
    assert counts == [{"nodes": 0, "events": 1, "blind": 0, "telemetry": 2}] * 2
    assert sorted(state.store.quarantine.read()["reason"]) == [
        "has no kind", "holds an infinite value", "is of a node that the inventory does not list",
    ]  # fmt: skip


def test_duplicates_and_outdated_rows_are_counted(state: State) -> None:
    row = ("n1", HOUR, NONE, 1.0)
    report = state.take(source(telemetry([row, row, ("n1", HOUR, MINUTE, 2.0)])))
    assert (report.tables["telemetry"].duplicates, report.tables["telemetry"].outdated) == (1, 1)


def test_a_late_row_in_a_later_batch_replaces_the_earlier_one(state: State) -> None:
    report = state.take(source(SOUND, telemetry([("n1", HOUR, DAY, 5.0)])))
    assert (report.tables["telemetry"].inserted, report.tables["telemetry"].replaced) == (2, 1)
    rolled = rollup(state.store.telemetry.read(), ["load"], HOUR)
    assert state.store.buckets.read().sort(*BUCKET_KEYS).equals(rolled)


def test_an_inventory_is_as_new_as_the_newest_row_that_can_be_true(state: State) -> None:
    future = telemetry([("n1", 900 * DAY, NONE, 1.0)])
    state.take(source(SOUND, future))
    assert state.records.nodes()["as_of"].unique().to_list() == [START + HOUR]


def test_planned_maintenance_makes_no_inventory_newer(state: State) -> None:
    planned = {"kind": "maintenance", "start": NOW + DAY, "end": NOW + 2 * DAY, "end_recorded_at": NOW + 2 * DAY}
    state.take(replace(source(SOUND), event_rows=events([{}, planned])))
    assert state.records.nodes()["as_of"].unique().to_list() == [START + HOUR]


def test_the_newer_inventory_wins_in_either_order(tmp_path: Path) -> None:
    older = replace(source(SOUND), node_rows=nodes([{"rack": "old"}, {"node": "n2"}]))
    newer = replace(source(telemetry([("n1", DAY, NONE, 1.0)])), node_rows=nodes([{"rack": "new"}]))
    for name, order in {"a": [older, newer], "b": [newer, older]}.items():
        state = State(tmp_path / name)
        for origin in order:
            state.take(origin)
        assert state.records.nodes()["rack"].to_list() == ["new", "r1"]
        state.records.close()


def test_a_node_that_an_earlier_inventory_listed_is_known(state: State) -> None:
    state.take(source(SOUND))
    report = state.take(source(telemetry([("n2", 2 * HOUR, NONE, 1.0)]), names=["n1"]))
    assert report.tables["telemetry"].quarantined == 0


def test_a_metric_without_any_value_is_named(state: State) -> None:
    report = state.take(source(SOUND.with_columns(fan=pl.lit(float("nan")), power=pl.lit(None, pl.Float64))))
    assert report.notices == (
        "telemetry: fan holds no value in any row", "telemetry: power holds no value in any row",
    )  # fmt: skip
    assert state.store.telemetry.metrics() == ("fan", "load", "power")


def test_a_metric_that_vanished_is_named(state: State) -> None:
    state.take(source(SOUND))
    report = state.take(source(telemetry([("n1", DAY, NONE, 1.0)], "fan")))
    assert report.notices == (
        "telemetry: fan was not there before; its values begin at 2024-02-01 00:00 UTC. "
        "A model uses it once it is trained again",
        "telemetry: load was there before and is not in this source; its values end at 2024-01-31 01:00 UTC",
    )


def test_a_fleet_without_telemetry_is_events_and_nodes(state: State) -> None:
    report = state.take(source())
    assert (report.buckets, report.notices, state.store.versions()) == (0, (), {})
    assert state.records.events().height == 1


def test_one_node_alone_is_a_fleet(state: State) -> None:
    report = state.take(source(telemetry([("n1", HOUR, NONE, 1.0)]), names=["n1"]))
    assert report.tables["nodes"].inserted == 1


def test_a_clock_that_jumped_back_makes_rows_of_its_own(state: State) -> None:
    jumped = telemetry([("n1", 2 * HOUR, NONE, 1.0), ("n1", 3 * HOUR, NONE, 2.0), ("n1", HOUR, NONE, 3.0)])
    state.take(source(jumped))
    assert state.store.telemetry.read().sort("ts")["load"].to_list() == [3.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("origin", "table"),
    [
        (source(telemetry([("stranger", HOUR, NONE, 1.0)])), "telemetry"),
        (source(telemetry([("n1", 900 * DAY, NONE, 1.0)])), "telemetry"),
        (replace(source(SOUND), event_rows=events([{"node": "stranger"}])), "events"),
        (replace(source(SOUND), node_rows=nodes([{"observed_until": START - DAY}])), "nodes"),
        (replace(source(SOUND), blind_rows=blind((DAY, HOUR))), "blind"),
    ],
)
def test_a_table_of_which_no_row_can_be_used_leaves_the_state_untouched(
    state: State, origin: MemorySource, table: str
) -> None:
    with pytest.raises(EmptyTableError, match=f"{table}: not one of its 1 rows can be used"):
        state.take(origin)
    assert state.is_empty()


def test_a_fault_in_the_last_batch_leaves_the_state_untouched(state: State, tmp_path: Path) -> None:
    table = telemetry([("n1", minute * MINUTE, NONE, minute**0.5) for minute in range(20_000)])
    folder = write_folder(tmp_path / "records", telemetry=table)
    table.write_parquet(folder / "telemetry.parquet", row_group_size=2_000)
    content = bytearray((folder / "telemetry.parquet").read_bytes())
    content[-30_000:-10_000] = bytes(20_000)
    (folder / "telemetry.parquet").write_bytes(content)
    with pytest.raises(SourceFileError, match=r"telemetry\.parquet"):
        state.take(ParquetSource(folder, {}, NONE))
    assert state.is_empty()


def test_a_metric_that_differs_from_a_stored_one_in_case_alone_leaves_the_state_untouched(state: State) -> None:
    state.take(source(telemetry([("n1", HOUR, NONE, 1.0)], "temp")))
    before = state.store.telemetry.table.version()
    with pytest.raises(ColumnError, match="metric 'temp' differs from 'Temp'"):
        state.take(source(telemetry([("n1", DAY, NONE, 1.0)], "Temp")))
    assert state.store.telemetry.table.version() == before


@pytest.mark.parametrize("metric", ["content", "new", "load_right", "index", "reason"])
def test_a_metric_may_be_called_what_a_merge_calls_its_own(state: State, metric: str) -> None:
    for value in (1.0, 2.0):
        rows = [("n1", HOUR, NONE, 0.0), ("n1", HOUR, value * HOUR, value)]
        state.take(source(telemetry(rows, metric)))
    assert state.store.telemetry.read()[metric].to_list() == [2.0]


def test_progress_is_told_up_to_the_end(state: State) -> None:
    told: list[tuple[str, int, int]] = []
    state.take(source(SOUND, SOUND), IngestOptions(progress=lambda *step: told.append(step)))
    assert told == [("telemetry", 0, 4), ("telemetry", 2, 4), ("telemetry", 4, 4), ("buckets", 0, 0)]


def test_a_second_ingest_does_not_write_beside_the_first(state: State) -> None:
    lock = state.store.lock
    assert lock is not None
    with writing(lock, NONE), pytest.raises(SurroundingsError, match="is writing to the same state"):
        state.take(source(SOUND), IngestOptions(patience=timedelta(seconds=0.05)))
    assert state.is_empty()


def test_a_clock_slightly_ahead_is_tolerated(state: State) -> None:
    ahead = telemetry([("n1", NOW - START + 4 * MINUTE, NONE, 1.0), ("n1", NOW - START + 6 * MINUTE, NONE, 1.0)])
    assert state.take(source(ahead)).tables["telemetry"].quarantined == 1


def test_times_of_a_report_are_aware(state: State) -> None:
    newest = state.take(source(SOUND)).newest
    assert isinstance(newest, datetime)
    assert newest.utcoffset() == NONE
