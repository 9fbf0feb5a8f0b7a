from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from data.delta.rollup import rollup
from data.delta.store import Store
from data.disk.lock import exclusive_lock
from data.errors import ColumnError, DataError, EmptyTableError, InfrastructureError, SourceFileError
from data.ingest.ingest import ExpectedMetrics, IngestOptions, IngestReport, ingest
from data.schema import BUCKET_KEYS, Metric, MetricKind
from data.sources.parquet_folder import ParquetSource
from data.sql.records import Records
from data.validation.node_names import SpellingRules
from data.validation.oddities import JUMPED_BACK, describe_falls
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

    from data.sources.base import Source

NO_DELAY = timedelta(0)
SAMPLES = telemetry([("n1", HOUR, NO_DELAY, 1.0), ("n2", HOUR, NO_DELAY, 2.0)])


class IngestedState:
    """An empty state in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = Store.open(root, HOUR)
        self.records = Records.open(f"sqlite:///{root / 'nodeward.db'}")

    def ingest(self, records: Source, options: IngestOptions | None = None) -> IngestReport:
        return ingest(records, self.store, self.records, lambda: NOW, options)

    def is_empty(self) -> bool:
        tables = (self.records.events(), self.records.nodes(), self.records.blind())
        return self.store.versions() == {} and all(table.height == 0 for table in tables)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[IngestedState]:
    empty = IngestedState(tmp_path / "var")
    yield empty
    empty.records.close()


def test_every_table_is_stored(state: IngestedState) -> None:
    report = state.ingest(source(SAMPLES))
    assert {table: rows.inserted for table, rows in report.tables.items()} == {
        "nodes": 2, "events": 1, "blind": 1, "telemetry": 2,
    }  # fmt: skip
    assert (report.buckets, report.notices, report.newest) == (2, (), START + HOUR)
    assert state.store.telemetry.read().sort("node").equals(SAMPLES)
    assert state.records.events().equals(events([{}]))
    assert state.records.blind().equals(blind((HOUR, 2 * HOUR)))
    assert state.store.buckets.read().sort(*BUCKET_KEYS).equals(rollup(SAMPLES, ["load"], HOUR))


def test_a_second_ingest_changes_nothing(state: IngestedState) -> None:
    state.ingest(source(SAMPLES))
    versions = state.store.versions()
    report = state.ingest(source(SAMPLES))
    assert state.store.versions() == versions
    assert [(rows.inserted, rows.replaced) for rows in report.tables.values()] == [(0, 0)] * 4
    assert {table: rows.unchanged for table, rows in report.tables.items()} == {
        "nodes": 2, "events": 1, "blind": 1, "telemetry": 2,
    }  # fmt: skip


def test_invalid_rows_are_quarantined_once_and_counted_each_time(state: IngestedState) -> None:
    invalid = telemetry(
        [("n1", HOUR, NO_DELAY, 1.0), ("stranger", HOUR, NO_DELAY, 2.0), ("n2", HOUR, NO_DELAY, float("inf"))]
    )
    records = replace(source(invalid), event_rows=events([{}, {"node": "n2", "kind": ""}]))
    counts = [{table: rows.quarantined for table, rows in state.ingest(records).tables.items()} for _ in range(2)]
    assert counts == [{"nodes": 0, "events": 1, "blind": 0, "telemetry": 2}] * 2
    assert sorted(state.store.quarantine.read()["reason"]) == [
        "has no kind", "holds an infinite value", "is of a node that the inventory does not list",
    ]  # fmt: skip


def test_duplicates_and_outdated_rows_are_counted(state: IngestedState) -> None:
    row = ("n1", HOUR, NO_DELAY, 1.0)
    report = state.ingest(source(telemetry([row, row, ("n1", HOUR, MINUTE, 2.0)])))
    assert (report.tables["telemetry"].duplicates, report.tables["telemetry"].outdated) == (1, 1)


def test_a_late_row_in_a_later_batch_replaces_the_earlier_one(state: IngestedState) -> None:
    report = state.ingest(source(SAMPLES, telemetry([("n1", HOUR, DAY, 5.0)])))
    assert (report.tables["telemetry"].inserted, report.tables["telemetry"].replaced) == (2, 1)
    rolled = rollup(state.store.telemetry.read(), ["load"], HOUR)
    assert state.store.buckets.read().sort(*BUCKET_KEYS).equals(rolled)


def test_an_inventory_is_as_new_as_the_newest_valid_row(state: IngestedState) -> None:
    future = telemetry([("n1", 900 * DAY, NO_DELAY, 1.0)])
    state.ingest(source(SAMPLES, future))
    assert state.records.nodes()["as_of"].unique().to_list() == [START + HOUR]


def test_planned_maintenance_makes_no_inventory_newer(state: IngestedState) -> None:
    planned = {"kind": "maintenance", "start": NOW + DAY, "end": NOW + 2 * DAY, "end_recorded_at": NOW + 2 * DAY}
    state.ingest(replace(source(SAMPLES), event_rows=events([{}, planned])))
    assert state.records.nodes()["as_of"].unique().to_list() == [START + HOUR]


def test_the_newer_inventory_wins_in_either_order(tmp_path: Path) -> None:
    older = replace(source(SAMPLES), node_rows=nodes([{"rack": "old"}, {"node": "n2"}]))
    newer = replace(source(telemetry([("n1", DAY, NO_DELAY, 1.0)])), node_rows=nodes([{"rack": "new"}]))
    racks = []
    for name, order in {"a": [older, newer], "b": [newer, older]}.items():
        state = IngestedState(tmp_path / name)
        for inventory in order:
            state.ingest(inventory)
        racks.append(state.records.nodes()["rack"].to_list())
        state.records.close()
    assert racks == [["new", "r1"]] * 2


def test_a_node_that_an_earlier_inventory_listed_is_known(state: IngestedState) -> None:
    state.ingest(source(SAMPLES))
    report = state.ingest(source(telemetry([("n2", 2 * HOUR, NO_DELAY, 1.0)]), names=["n1"]))
    assert report.tables["telemetry"].quarantined == 0


def test_a_metric_without_any_value_is_reported(state: IngestedState) -> None:
    report = state.ingest(source(SAMPLES.with_columns(fan=pl.lit(float("nan")), power=pl.lit(None, pl.Float64))))
    assert report.notices == (
        "telemetry: fan holds no value in any row", "telemetry: power holds no value in any row",
    )  # fmt: skip
    assert state.store.telemetry.metrics() == ("fan", "load", "power")


def test_a_missing_metric_is_reported(state: IngestedState) -> None:
    state.ingest(source(SAMPLES))
    report = state.ingest(source(telemetry([("n1", DAY, NO_DELAY, 1.0)], "fan")))
    begins = "telemetry: fan was not there before; its values begin at 2024-02-01 00:00 UTC. "
    assert report.notices == (
        begins + "A model uses it once it is trained again",
        "telemetry: load was there before and is not in this source; its values end at 2024-01-31 01:00 UTC",
    )


def test_a_fleet_without_telemetry_is_events_and_nodes(state: IngestedState) -> None:
    report = state.ingest(source())
    assert (report.buckets, report.notices, state.store.versions()) == (0, (), {})
    assert state.records.events().height == 1


def test_a_single_node_is_a_fleet(state: IngestedState) -> None:
    report = state.ingest(source(telemetry([("n1", HOUR, NO_DELAY, 1.0)]), names=["n1"]))
    assert report.tables["nodes"].inserted == 1


def test_rows_of_a_clock_that_jumped_back_are_kept_at_their_times(state: IngestedState) -> None:
    jumped = telemetry([("n1", 2 * HOUR, NO_DELAY, 1.0), ("n1", 3 * HOUR, NO_DELAY, 2.0), ("n1", HOUR, NO_DELAY, 3.0)])
    state.ingest(source(jumped))
    assert state.store.telemetry.read().sort("ts")["load"].to_list() == [3.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("records", "table"),
    [
        (source(telemetry([("stranger", HOUR, NO_DELAY, 1.0)])), "telemetry"),
        (source(telemetry([("n1", 900 * DAY, NO_DELAY, 1.0)])), "telemetry"),
        (replace(source(SAMPLES), event_rows=events([{"node": "stranger"}])), "events"),
        (replace(source(SAMPLES), node_rows=nodes([{"observed_until": START - DAY}])), "nodes"),
        (replace(source(SAMPLES), blind_rows=blind((DAY, HOUR))), "blind"),
    ],
)
def test_a_table_without_a_usable_row_leaves_the_state_unchanged(
    state: IngestedState, records: MemorySource, table: str
) -> None:
    with pytest.raises(EmptyTableError, match=f"{table}: not one of its 1 rows can be used"):
        state.ingest(records)
    assert state.is_empty()


def test_a_fault_in_the_last_batch_leaves_the_state_unchanged(state: IngestedState, tmp_path: Path) -> None:
    table = telemetry([("n1", minute * MINUTE, NO_DELAY, minute**0.5) for minute in range(20_000)])
    folder = write_folder(tmp_path / "records", telemetry=table)
    table.write_parquet(folder / "telemetry.parquet", row_group_size=2_000)
    content = bytearray((folder / "telemetry.parquet").read_bytes())
    content[-30_000:-10_000] = bytes(20_000)
    (folder / "telemetry.parquet").write_bytes(content)
    with pytest.raises(SourceFileError, match=r"telemetry\.parquet"):
        state.ingest(ParquetSource(folder, {}, NO_DELAY))
    assert state.is_empty()


def test_a_metric_that_differs_from_a_stored_one_only_in_case_leaves_the_state_unchanged(state: IngestedState) -> None:
    state.ingest(source(telemetry([("n1", HOUR, NO_DELAY, 1.0)], "temp")))
    before = state.store.telemetry.table.version()
    with pytest.raises(ColumnError, match="metric 'temp' differs from 'Temp'"):
        state.ingest(source(telemetry([("n1", DAY, NO_DELAY, 1.0)], "Temp")))
    assert state.store.telemetry.table.version() == before


@pytest.mark.parametrize("metric", ["content", "new", "load_right", "index", "reason"])
def test_a_metric_may_have_the_name_of_an_internal_column(state: IngestedState, metric: str) -> None:
    for value in (1.0, 2.0):
        rows = [("n1", HOUR, NO_DELAY, 0.0), ("n1", HOUR, value * HOUR, value)]
        state.ingest(source(telemetry(rows, metric)))
    assert state.store.telemetry.read()[metric].to_list() == [2.0]


def fleet(count: int, spelling: str = "node{:03d}") -> tuple[list[str], pl.DataFrame]:
    """Return the names of nodes, and a sample of each under another spelling."""
    names = [f"node{number:03d}" for number in range(count)]
    return names, telemetry([(spelling.format(number), HOUR, NO_DELAY, float(number)) for number in range(count)])


@pytest.mark.parametrize("spelling", ["node{:03d}:9100", "NODE{:03d}.hpc.example.org", "node{:03d}-bmc"])
def test_other_spellings_in_telemetry_and_events_are_the_nodes_of_the_inventory(
    state: IngestedState, spelling: str
) -> None:
    names, rows = fleet(5, spelling)
    records = replace(source(rows, names=names), event_rows=events([{"node": spelling.format(1)}]))
    report = state.ingest(records)
    assert (report.tables["telemetry"].quarantined, report.tables["events"].quarantined) == (0, 0)
    assert state.store.telemetry.read().sort("node")["node"].to_list() == names
    assert state.records.events()["node"].to_list() == ["node001"]
    first = spelling.format(0)
    assert report.notices == (f"5 names were read as the inventory spells them, such as {first!r} as 'node000'",)
    versions = state.store.versions()
    assert state.ingest(records).tables["telemetry"].unchanged == 5
    assert state.store.versions() == versions


def test_an_inventory_under_another_spelling_makes_no_new_nodes(state: IngestedState) -> None:
    names, rows = fleet(3)
    state.ingest(replace(source(rows, names=names), event_rows=events([{"node": "node001"}])))
    again = replace(source(rows, names=[f"{name}.example.org" for name in names]), event_rows=events([]))
    assert state.ingest(again).tables["nodes"].inserted == 0
    assert state.records.nodes()["node"].to_list() == names


def test_an_ingest_that_would_lose_over_a_hundredth_of_the_nodes_writes_nothing(state: IngestedState) -> None:
    names, rows = fleet(200)
    unknown = telemetry([(f"nod{number}", HOUR, NO_DELAY, 1.0) for number in range(3)])
    records = replace(source(rows, unknown, names=names), event_rows=events([{"node": "node001"}]))
    with pytest.raises(DataError, match=r"3 of the 203 nodes .*'nod0' \(nearest: 'node\d+'\)"):
        state.ingest(records)
    assert state.is_empty()
    wide = IngestOptions(spelling=SpellingRules(max_unknown_share=0.02))
    assert state.ingest(records, wide).tables["telemetry"].quarantined == 3


def test_an_ingest_that_loses_a_hundredth_of_the_nodes_reports_them(state: IngestedState) -> None:
    names, rows = fleet(200)
    unknown = telemetry([(f"nod{number}", HOUR, NO_DELAY, 1.0) for number in range(2)])
    report = state.ingest(replace(source(rows, unknown, names=names), event_rows=events([{"node": "node001"}])))
    assert report.tables["telemetry"].quarantined == 2
    assert report.notices[0].startswith("2 of 202 nodes are not in the inventory: 'nod0' (nearest: 'node")


def test_a_source_of_unknown_nodes_is_an_error_with_their_names(state: IngestedState) -> None:
    names, rows = fleet(5, "other{:03d}")
    with pytest.raises(DataError, match=r"5 of the 5 nodes .*'other000'"):
        state.ingest(source(rows, names=[*names, "n1"]))
    assert state.is_empty()


@pytest.mark.parametrize("is_reversed", [False, True])
def test_a_corrected_inventory_wins_in_either_order(tmp_path: Path, *, is_reversed: bool) -> None:
    racks = []
    wrong = nodes([{"rack": "wrong", "revised_at": START}, {"node": "n2", "revised_at": START}])
    right = nodes([{"rack": "right", "revised_at": START + DAY}, {"node": "n2", "revised_at": START + DAY}])
    for rack in range(5):  # with different hashes
        state = IngestedState(tmp_path / str(rack))
        tables = [wrong.with_columns(partition=pl.lit(f"p{rack}")), right]
        for rows in reversed(tables) if is_reversed else tables:
            state.ingest(replace(source(SAMPLES), node_rows=rows))
        racks.append(state.records.nodes()["rack"].to_list())
        state.records.close()
    assert racks == [["right", "r1"]] * 5


def test_a_correction_in_the_file_wins_when_it_is_ingested_again(state: IngestedState, tmp_path: Path) -> None:
    for day, rack in enumerate(("wrong", "right", "righter")):
        rows = pl.DataFrame({"node": ["n1", "n2"], "rack": [rack, "r1"], "observed_from": [START] * 2})
        folder = write_folder(tmp_path / "records", nodes=rows)
        os.utime(folder / "nodes.parquet", times=((START + day * DAY).timestamp(),) * 2)
        state.ingest(ParquetSource(folder, {}, NO_DELAY))
        assert state.records.nodes()["rack"].to_list() == [rack, "r1"]
    assert state.ingest(ParquetSource(folder, {}, NO_DELAY)).tables["nodes"].unchanged == 2


def test_an_inventory_written_by_a_fast_clock_does_not_win_forever(state: IngestedState) -> None:
    ahead = nodes([{"rack": "ahead", "revised_at": NOW + 900 * DAY}, {"node": "n2"}])
    state.ingest(replace(source(SAMPLES), node_rows=ahead))
    assert state.records.nodes()["revised_at"].max() == NOW + 5 * MINUTE


def test_a_value_out_of_range_is_rejected_without_its_row(state: IngestedState) -> None:
    hot = telemetry([("n1", HOUR, NO_DELAY, 900.0), ("n2", HOUR, NO_DELAY, 20.0)]).with_columns(fan=pl.lit(1.0))
    options = IngestOptions(expected=ExpectedMetrics(lambda name: Metric(name, unit="°C")))
    report = state.ingest(source(hot), options)
    assert dict(report.tables["telemetry"].rejected) == {"holds a value outside its metric's range": 1}
    assert state.store.telemetry.read().sort("node").select("fan", "load").rows() == [(1.0, None), (1.0, 20.0)]


def test_odd_rows_are_counted_and_kept(state: IngestedState) -> None:
    rows = telemetry([("n1", 2 * HOUR, NO_DELAY, 5.0), ("n1", HOUR, NO_DELAY, 9.0), ("n1", 3 * HOUR, NO_DELAY, 1.0)])
    options = IngestOptions(expected=ExpectedMetrics(lambda name: Metric(name, MetricKind.COUNTER)))
    report = state.ingest(source(rows), options)
    assert dict(report.oddities) == {JUMPED_BACK: 1, describe_falls("load"): 2}
    assert (report.tables["telemetry"].inserted, report.tables["telemetry"].quarantined) == (3, 0)


def test_a_metric_that_the_settings_misspell_is_reported_with_the_nearest(state: IngestedState) -> None:
    options = IngestOptions(
        expected=ExpectedMetrics(named={"metrics.columns.laod": "laod", "metrics.columns.load": "load"})
    )
    assert state.ingest(source(SAMPLES), options).notices == (
        "metrics.columns.laod names no metric of telemetry (nearest: load)",
    )
    assert state.ingest(source(), options).notices == ()


def test_progress_is_reported_up_to_the_end(state: IngestedState) -> None:
    steps: list[tuple[str, int, int]] = []
    state.ingest(source(SAMPLES, SAMPLES), IngestOptions(progress=lambda *step: steps.append(step)))
    assert steps == [("telemetry", 0, 4), ("telemetry", 2, 4), ("telemetry", 4, 4), ("buckets", 0, 0)]


def test_two_ingests_do_not_write_at_the_same_time(state: IngestedState) -> None:
    lock = state.store.lock
    assert lock is not None
    with exclusive_lock(lock, NO_DELAY), pytest.raises(InfrastructureError, match="is writing to the same state"):
        state.ingest(source(SAMPLES), IngestOptions(lock_timeout=timedelta(seconds=0.05)))
    assert state.is_empty()


def test_a_clock_slightly_ahead_is_tolerated(state: IngestedState) -> None:
    ahead = telemetry(
        [("n1", NOW - START + 4 * MINUTE, NO_DELAY, 1.0), ("n1", NOW - START + 6 * MINUTE, NO_DELAY, 1.0)]
    )
    assert state.ingest(source(ahead)).tables["telemetry"].quarantined == 1


def test_times_of_a_report_are_aware(state: IngestedState) -> None:
    newest = state.ingest(source(SAMPLES)).newest
    assert isinstance(newest, datetime)
    assert newest.utcoffset() == NO_DELAY
