from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data.delta.rollup import rollup
from data.disk.lock import exclusive_lock
from data.errors import ColumnError, InfrastructureError
from data.ingest.ingest import ExpectedMetrics, IngestOptions
from data.ingest.quarantine import Quarantine
from data.ingest.quarantine_replay import ReplayReport, replay
from data.maintenance.retention import Retention, RetentionPlan, maintain
from data.schema import BUCKET_KEYS, UNREADABLE, UNREADABLE_TYPE, Metric
from data.validation.node_names import SpellingRules
from tests.data.ingest.test_ingest import SAMPLES, IngestedState
from tests.data.made_up import DAY, HOUR, MINUTE, NOW, START, events, nodes, source, telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_DELAY = timedelta(0)
INFINITY = float("inf")
TIGHT = IngestOptions(expected=ExpectedMetrics(lambda name: Metric(name, max=100.0)))
WIDE = IngestOptions(expected=ExpectedMetrics(lambda name: Metric(name, max=1e6)))
MIXED = telemetry(
    [
        ("n1", HOUR, NO_DELAY, 1.0),
        ("n2", HOUR, NO_DELAY, 500.0),
        ("n2", 2 * HOUR, NO_DELAY, INFINITY),
        ("n3", HOUR, NO_DELAY, 3.0),
    ]
)


class ReplayedState(IngestedState):
    """A state whose quarantine is replayed."""

    def replay(self, options: IngestOptions = TIGHT, selected: pl.Expr | None = None) -> ReplayReport:
        return replay(self.store, self.records, lambda: NOW, options, selected)

    def list_node(self, name: str) -> None:
        self.records.merge_nodes(nodes([{"node": name, "as_of": START}]))

    def samples(self) -> list[tuple[object, ...]]:
        return self.store.telemetry.read(["load"]).sort("node", "ts").select("node", "ts", "load").rows()

    def reasons(self) -> list[str]:
        return sorted(Quarantine(self.store.quarantine).read()["reason"])


@pytest.fixture
def state(tmp_path: Path) -> Iterator[ReplayedState]:
    empty = ReplayedState(tmp_path / "var")
    yield empty
    empty.records.close()


def test_replaying_an_empty_quarantine_writes_nothing(state: ReplayedState) -> None:
    assert sum(state.replay().released.values()) == 0
    assert state.store.versions() == {}


def test_rows_that_are_still_invalid_stay(state: ReplayedState) -> None:
    state.ingest(source(MIXED), TIGHT)
    versions = state.store.versions()
    assert state.replay().kept["telemetry"] == 3
    assert state.store.versions() == versions


def test_rows_of_a_node_that_was_listed_since_are_merged_into_telemetry_events_and_buckets(
    state: ReplayedState,
) -> None:
    state.ingest(replace(source(MIXED), event_rows=events([{}, {"node": "n3"}])), TIGHT)
    state.list_node("n3")
    report = state.replay()
    assert {table: count for table, count in report.released.items() if count} == {"events": 1, "telemetry": 1}
    assert ("n3", START + HOUR, 3.0) in state.samples()
    assert state.records.events()["node"].to_list() == ["n1", "n3"]
    rolled = rollup(state.store.telemetry.read(), ["load"], HOUR)
    assert_frame_equal(state.store.buckets.read().sort(*BUCKET_KEYS), rolled)


def test_rows_under_an_alias_that_was_added_since_are_merged(state: ReplayedState) -> None:
    state.ingest(source(MIXED), TIGHT)
    report = state.replay(replace(TIGHT, spelling=SpellingRules(aliases={"n3": "n1"})))
    assert report.released["telemetry"] == 1
    assert state.samples()[0] in [("n1", START + HOUR, 1.0), ("n1", START + HOUR, 3.0)]


def test_a_cell_that_a_wider_range_allows_is_filled_into_its_row_and_stays_when_read_again(
    state: ReplayedState,
) -> None:
    records = source(MIXED.with_columns(fan=pl.lit(7.0)), names=["n1", "n2", "n3"])
    state.ingest(records, TIGHT)
    assert state.replay(WIDE).released["telemetry"] == 1
    assert state.reasons() == ["holds an infinite value"]
    row = state.store.telemetry.read().filter((pl.col("node") == "n2") & (pl.col("ts") == START + HOUR))
    assert row.select("load", "fan").rows() == [(500.0, 7.0)]
    for options in (TIGHT, WIDE):
        state.ingest(records, options)
        assert ("n2", START + HOUR, 500.0) in state.samples()


def test_a_cell_of_a_narrow_metric_keeps_its_width(state: ReplayedState) -> None:
    state.ingest(source(MIXED.cast({"load": pl.Float32})), TIGHT)
    state.list_node("n3")
    state.replay(WIDE)
    assert state.store.telemetry.table.schema()["load"] == pl.Float32
    assert len(state.samples()) == 4


def test_a_cell_whose_row_was_replaced_by_a_later_one_does_not_change_that(state: ReplayedState) -> None:
    state.ingest(source(MIXED), TIGHT)
    state.ingest(source(telemetry([("n2", HOUR, DAY, 42.0)])), TIGHT)
    assert state.replay(WIDE).released["telemetry"] == 1
    assert ("n2", START + HOUR, 42.0) in state.samples()


def test_a_cell_that_a_corrected_source_contains_leaves_the_quarantine(state: ReplayedState) -> None:
    entry = [{"column": "load", "value": "hot", "fault": "holds a text", "at": "a.csv:2"}]
    rows = telemetry([("n1", HOUR, NO_DELAY, None), ("n2", HOUR, NO_DELAY, 1.0)])
    state.ingest(source(rows.with_columns(pl.Series(UNREADABLE, [entry, None], UNREADABLE_TYPE))))
    assert state.replay().kept["telemetry"] == 1
    state.ingest(source(telemetry([("n1", HOUR, NO_DELAY, 5.0)])))
    assert state.replay().released["telemetry"] == 1
    assert state.samples()[0] == ("n1", START + HOUR, 5.0)


def test_the_nodes_of_a_quarantined_inventory_are_known_to_the_other_tables(state: ReplayedState) -> None:
    listed = nodes([{}, {"node": "n2"}, {"node": "n3", "observed_from": NOW + DAY}])
    state.ingest(replace(source(MIXED), node_rows=listed), TIGHT)
    report = state.replay(replace(TIGHT, tolerance=2 * DAY))
    assert {table: count for table, count in report.released.items() if count} == {"nodes": 1, "telemetry": 1}
    assert state.records.nodes()["node"].to_list() == ["n1", "n2", "n3"]


def test_a_replayed_inventory_row_does_not_win_over_a_newer_one(state: ReplayedState) -> None:
    ahead = {"node": "n2", "rack": "ahead", "observed_from": NOW + DAY}
    state.ingest(replace(source(SAMPLES.head(1)), node_rows=nodes([{}, ahead])))
    state.records.merge_nodes(nodes([{"node": "n2", "rack": "new", "as_of": START}]))
    assert state.replay(replace(TIGHT, tolerance=2 * DAY)).released["nodes"] == 1
    assert state.records.nodes()["rack"].to_list() == ["r1", "new"]


def test_only_selected_rows_are_replayed(state: ReplayedState) -> None:
    state.ingest(replace(source(MIXED), event_rows=events([{}, {"node": "n3"}])), TIGHT)
    state.list_node("n3")
    report = state.replay(selected=pl.col("table") == "events")
    assert (report.released["events"], report.released["telemetry"], report.kept["telemetry"]) == (1, 0, 0)
    assert len(state.reasons()) == 3


def test_a_replay_that_is_interrupted_before_rows_leave_the_quarantine_loses_and_duplicates_nothing(
    state: ReplayedState, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.ingest(replace(source(MIXED), event_rows=events([{}, {"node": "n3"}])), TIGHT)
    state.list_node("n3")

    with monkeypatch.context() as patch:
        patch.setattr(Quarantine, "remove", interrupt)
        with pytest.raises(KeyboardInterrupt):
            state.replay(WIDE)
    assert len(state.reasons()) == 4
    merged, report = state.samples(), state.replay(WIDE)
    assert state.samples() == merged
    assert (report.released["events"], report.released["telemetry"], report.buckets) == (1, 2, 0)
    assert state.reasons() == ["holds an infinite value"]


def test_a_replay_that_is_interrupted_between_telemetry_and_buckets_is_completed_by_the_next(
    state: ReplayedState, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.ingest(source(MIXED), TIGHT)
    state.list_node("n3")

    with monkeypatch.context() as patch:
        patch.setattr(type(state.store.buckets), "refresh", interrupt)
        with pytest.raises(KeyboardInterrupt):
            state.replay(WIDE)
    state.replay(WIDE)
    rolled = rollup(state.store.telemetry.read(), ["load"], HOUR)
    assert_frame_equal(state.store.buckets.read().sort(*BUCKET_KEYS), rolled)
    assert len(state.samples()) == 4


def test_an_invalid_cell_of_a_replayed_row_stays_in_quarantine(state: ReplayedState) -> None:
    state.ingest(source(telemetry([("n1", HOUR, NO_DELAY, 1.0), ("n3", HOUR, MINUTE, 900.0)])), TIGHT)
    state.list_node("n3")
    state.replay()
    assert state.samples()[-1] == ("n3", START + HOUR, None)
    assert state.reasons() == ["holds a value outside its metric's range"]
    assert state.replay(WIDE).released["telemetry"] == 1
    assert state.samples()[-1] == ("n3", START + HOUR, 900.0)


def test_a_metric_that_differs_from_a_stored_one_only_in_case_stops_the_replay(state: ReplayedState) -> None:
    state.ingest(source(telemetry([("n1", HOUR, NO_DELAY, 1.0), ("n3", HOUR, NO_DELAY, 1.0)], "temp")))
    row = Quarantine(state.store.quarantine).read().with_columns(pl.col("row").str.replace("temp", "Temp"))
    Quarantine(state.store.quarantine).add(row.drop("quarantined_at"), NOW)
    state.list_node("n3")
    with pytest.raises(ColumnError, match="only in upper and lower case"):
        state.replay()


def test_a_replay_does_not_wait_forever_for_another_writer(state: ReplayedState) -> None:
    state.ingest(source(MIXED), TIGHT)
    assert state.store.lock is not None
    with (
        exclusive_lock(state.store.lock, NO_DELAY),
        pytest.raises(InfrastructureError, match="is writing to the same state"),
    ):
        state.replay(replace(TIGHT, lock_timeout=timedelta(seconds=0.05)))


@pytest.mark.parametrize("metric", ["metric", "value", "is_stored", "rank", "reason", "is_cell", "a\nb", '"metric":"'])
def test_the_name_of_a_metric_does_not_prevent_that_its_cell_is_released(state: ReplayedState, metric: str) -> None:
    state.ingest(source(MIXED.rename({"load": metric})), TIGHT)
    state.list_node("n3")
    assert state.replay(WIDE).released["telemetry"] == 2
    assert state.store.telemetry.read([metric])[metric].sort().to_list() == [None, 1.0, 3.0, 500.0]


def test_telemetry_of_a_time_that_retention_has_dropped_stays(state: ReplayedState) -> None:
    late = telemetry([("n3", HOUR, NO_DELAY, 3.0), ("n3", 3 * DAY, NO_DELAY, 4.0), ("n1", HOUR, NO_DELAY, 500.0)])
    state.ingest(source(pl.concat([MIXED, telemetry([("n1", 3 * DAY, NO_DELAY, 1.0)]), late])), TIGHT)
    maintain(state.store, state.records, RetentionPlan(Retention(telemetry=DAY), START + 3 * DAY, {}))
    state.list_node("n3")
    report, kept = state.replay(WIDE), Quarantine(state.store.quarantine).read()
    assert (report.released["telemetry"], report.kept["telemetry"]) == (1, kept.height)
    assert state.samples() == [("n1", START + 3 * DAY, 1.0), ("n3", START + 3 * DAY, 4.0)]
    assert kept["ts"].max() == START + 2 * HOUR


def interrupt(*_: object) -> int:
    raise KeyboardInterrupt


def with_unreadable(rows: pl.DataFrame, index: int, column: str) -> pl.DataFrame:
    """Mark one cell as unreadable."""
    entry = [{"column": column, "value": "soon", "fault": f"has no {column}", "at": "a.csv:2"}]
    return rows.with_columns(pl.Series(UNREADABLE, [entry if i == index else None for i in range(rows.height)]))


def test_an_event_with_an_unreadable_end_is_not_an_open_event(state: ReplayedState) -> None:
    rows = events([{}, {"start": START + DAY, "end": None, "end_recorded_at": None}])
    state.ingest(replace(source(SAMPLES), event_rows=with_unreadable(rows, 1, "end")))
    assert state.replay().kept["events"] == 1
    assert state.records.events()["start"].to_list() == [START]


def test_an_unreadable_cell_stays_when_its_row_is_released(state: ReplayedState) -> None:
    rows = telemetry([("n1", HOUR, NO_DELAY, 1.0), ("n3", HOUR, NO_DELAY, None)]).with_columns(fan=pl.lit(7.0))
    state.ingest(source(with_unreadable(rows, 1, "load")))
    state.list_node("n3")
    assert state.replay().released["telemetry"] == 1
    assert state.reasons() == ["has no load"]
