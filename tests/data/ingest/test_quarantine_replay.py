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
from data.validation.node_names import Spelling
from tests.data.ingest.test_ingest import SOUND, State
from tests.data.made_up import DAY, HOUR, MINUTE, NOW, START, events, nodes, source, telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NONE = timedelta(0)
INFINITY = float("inf")
TIGHT = IngestOptions(expected=ExpectedMetrics(lambda name: Metric(name, max=100.0)))
WIDE = IngestOptions(expected=ExpectedMetrics(lambda name: Metric(name, max=1e6)))
MIXED = telemetry([
    ("n1", HOUR, NONE, 1.0), ("n2", HOUR, NONE, 500.0), ("n2", 2 * HOUR, NONE, INFINITY), ("n3", HOUR, NONE, 3.0),
])  # fmt: skip


class Again(State):
    """A state whose quarantine is tried again."""

    def replay(self, options: IngestOptions = TIGHT, chosen: pl.Expr | None = None) -> ReplayReport:
        return replay(self.store, self.records, lambda: NOW, options, chosen)

    def list_node(self, name: str) -> None:
        self.records.merge_nodes(nodes([{"node": name, "as_of": START}]))

    def samples(self) -> list[tuple[object, ...]]:
        return self.store.telemetry.read(["load"]).sort("node", "ts").select("node", "ts", "load").rows()

    def reasons(self) -> list[str]:
        return sorted(Quarantine(self.store.quarantine).read()["reason"])


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Again]:
    made = Again(tmp_path / "var")
    yield made
    made.records.close()


def test_an_empty_quarantine_is_no_fault_and_writes_nothing(state: Again) -> None:
    assert sum(state.replay().released.values()) == 0
    assert state.store.versions() == {}


def test_what_is_still_bad_stays(state: Again) -> None:
    state.take(source(MIXED), TIGHT)
    versions = state.store.versions()
    assert state.replay().kept["telemetry"] == 3
    assert state.store.versions() == versions


def test_rows_of_a_node_that_was_listed_since_come_into_telemetry_events_and_buckets(state: Again) -> None:
    state.take(replace(source(MIXED), event_rows=events([{}, {"node": "n3"}])), TIGHT)
    state.list_node("n3")
    report = state.replay()
    assert {table: count for table, count in report.released.items() if count} == {"events": 1, "telemetry": 1}
    assert ("n3", START + HOUR, 3.0) in state.samples()
    assert state.records.events()["node"].to_list() == ["n1", "n3"]
    rolled = rollup(state.store.telemetry.read(), ["load"], HOUR)
    assert_frame_equal(state.store.buckets.read().sort(*BUCKET_KEYS), rolled)


def test_rows_under_an_alias_that_was_given_since_are_found(state: Again) -> None:
    state.take(source(MIXED), TIGHT)
    report = state.replay(replace(TIGHT, spelling=Spelling(aliases={"n3": "n1"})))
    assert report.released["telemetry"] == 1
    assert state.samples()[0] in [("n1", START + HOUR, 1.0), ("n1", START + HOUR, 3.0)]


def test_a_cell_that_a_wider_range_allows_goes_back_into_its_row_and_stays_when_read_anew(state: Again) -> None:
    origin = source(MIXED.with_columns(fan=pl.lit(7.0)), names=["n1", "n2", "n3"])
    state.take(origin, TIGHT)
    assert state.replay(WIDE).released["telemetry"] == 1
    assert state.reasons() == ["holds an infinite value"]
    row = state.store.telemetry.read().filter((pl.col("node") == "n2") & (pl.col("ts") == START + HOUR))
    assert row.select("load", "fan").rows() == [(500.0, 7.0)]
    for options in (TIGHT, WIDE):
        state.take(origin, options)
        assert ("n2", START + HOUR, 500.0) in state.samples()


def test_a_cell_of_a_narrow_metric_keeps_its_width(state: Again) -> None:
    state.take(source(MIXED.cast({"load": pl.Float32})), TIGHT)
    state.list_node("n3")
    state.replay(WIDE)
    assert state.store.telemetry.table.schema()["load"] == pl.Float32
    assert len(state.samples()) == 4


def test_a_cell_whose_row_was_replaced_by_a_later_one_does_not_spoil_that(state: Again) -> None:
    state.take(source(MIXED), TIGHT)
    state.take(source(telemetry([("n2", HOUR, DAY, 42.0)])), TIGHT)
    assert state.replay(WIDE).released["telemetry"] == 1
    assert ("n2", START + HOUR, 42.0) in state.samples()


def test_a_cell_that_a_mended_source_reads_by_now_leaves_the_quarantine(state: Again) -> None:
    entry = [{"column": "load", "value": "hot", "fault": "holds a text", "at": "a.csv:2"}]
    rows = telemetry([("n1", HOUR, NONE, None), ("n2", HOUR, NONE, 1.0)])
    state.take(source(rows.with_columns(pl.Series(UNREADABLE, [entry, None], UNREADABLE_TYPE))))
    assert state.replay().kept["telemetry"] == 1
    state.take(source(telemetry([("n1", HOUR, NONE, 5.0)])))
    assert state.replay().released["telemetry"] == 1
    assert state.samples()[0] == ("n1", START + HOUR, 5.0)


def test_a_quarantined_inventory_makes_its_nodes_known_to_the_rest(state: Again) -> None:
    listed = nodes([{}, {"node": "n2"}, {"node": "n3", "observed_from": NOW + DAY}])
    state.take(replace(source(MIXED), node_rows=listed), TIGHT)
    report = state.replay(replace(TIGHT, tolerance=2 * DAY))
    assert {table: count for table, count in report.released.items() if count} == {"nodes": 1, "telemetry": 1}
    assert state.records.nodes()["node"].to_list() == ["n1", "n2", "n3"]


def test_a_replayed_inventory_row_wins_over_no_newer_one(state: Again) -> None:
    ahead = {"node": "n2", "rack": "ahead", "observed_from": NOW + DAY}
    state.take(replace(source(SOUND.head(1)), node_rows=nodes([{}, ahead])))
    state.records.merge_nodes(nodes([{"node": "n2", "rack": "new", "as_of": START}]))
    assert state.replay(replace(TIGHT, tolerance=2 * DAY)).released["nodes"] == 1
    assert state.records.nodes()["rack"].to_list() == ["r1", "new"]


def test_only_what_was_chosen_is_tried(state: Again) -> None:
    state.take(replace(source(MIXED), event_rows=events([{}, {"node": "n3"}])), TIGHT)
    state.list_node("n3")
    report = state.replay(chosen=pl.col("table") == "events")
    assert (report.released["events"], report.released["telemetry"], report.kept["telemetry"]) == (1, 0, 0)
    assert len(state.reasons()) == 3


def test_a_replay_that_dies_before_rows_leave_the_quarantine_loses_and_doubles_nothing(
    state: Again, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.take(replace(source(MIXED), event_rows=events([{}, {"node": "n3"}])), TIGHT)
    state.list_node("n3")

    def die(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Quarantine, "remove", die)
        with pytest.raises(KeyboardInterrupt):
            state.replay(WIDE)
    assert len(state.reasons()) == 4
    merged, told = state.samples(), state.replay(WIDE)
    assert state.samples() == merged
    assert (told.released["events"], told.released["telemetry"], told.buckets) == (1, 2, 0)
    assert state.reasons() == ["holds an infinite value"]


def test_a_replay_that_dies_between_telemetry_and_buckets_is_made_good_by_the_next(
    state: Again, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.take(source(MIXED), TIGHT)
    state.list_node("n3")

    def die(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(type(state.store.buckets), "refresh", die)
        with pytest.raises(KeyboardInterrupt):
            state.replay(WIDE)
    state.replay(WIDE)
    rolled = rollup(state.store.telemetry.read(), ["load"], HOUR)
    assert_frame_equal(state.store.buckets.read().sort(*BUCKET_KEYS), rolled)
    assert len(state.samples()) == 4


def test_a_replayed_row_with_a_spoilt_cell_leaves_the_cell_behind(state: Again) -> None:
    state.take(source(telemetry([("n1", HOUR, NONE, 1.0), ("n3", HOUR, MINUTE, 900.0)])), TIGHT)
    state.list_node("n3")
    state.replay()
    assert state.samples()[-1] == ("n3", START + HOUR, None)
    assert state.reasons() == ["holds a value outside its metric's range"]
    assert state.replay(WIDE).released["telemetry"] == 1
    assert state.samples()[-1] == ("n3", START + HOUR, 900.0)


def test_a_metric_that_no_table_can_hold_beside_another_stops_the_replay(state: Again) -> None:
    state.take(source(telemetry([("n1", HOUR, NONE, 1.0), ("n3", HOUR, NONE, 1.0)], "temp")))
    row = Quarantine(state.store.quarantine).read().with_columns(pl.col("row").str.replace("temp", "Temp"))
    Quarantine(state.store.quarantine).add(row.drop("quarantined_at"), NOW)
    state.list_node("n3")
    with pytest.raises(ColumnError, match="in upper and lower case alone"):
        state.replay()


def test_a_replay_waits_for_no_other_writer_for_ever(state: Again) -> None:
    state.take(source(MIXED), TIGHT)
    assert state.store.lock is not None
    with (
        exclusive_lock(state.store.lock, NONE),
        pytest.raises(InfrastructureError, match="is writing to the same state"),
    ):
        state.replay(replace(TIGHT, lock_timeout=timedelta(seconds=0.05)))


@pytest.mark.parametrize("metric", ["metric", "value", "held", "turn", "reason", "is_cell", "a\nb", '"metric":"'])
def test_a_cell_goes_back_whatever_its_metric_is_called(state: Again, metric: str) -> None:
    state.take(source(MIXED.rename({"load": metric})), TIGHT)
    state.list_node("n3")
    assert state.replay(WIDE).released["telemetry"] == 2
    assert state.store.telemetry.read([metric])[metric].sort().to_list() == [None, 1.0, 3.0, 500.0]


def test_telemetry_of_a_time_that_retention_has_dropped_stays(state: Again) -> None:
    late = telemetry([("n3", HOUR, NONE, 3.0), ("n3", 3 * DAY, NONE, 4.0), ("n1", HOUR, NONE, 500.0)])
    state.take(source(pl.concat([MIXED, telemetry([("n1", 3 * DAY, NONE, 1.0)]), late])), TIGHT)
    maintain(state.store, state.records, RetentionPlan(Retention(telemetry=DAY), START + 3 * DAY, {}))
    state.list_node("n3")
    told, stayed = state.replay(WIDE), Quarantine(state.store.quarantine).read()
    assert (told.released["telemetry"], told.kept["telemetry"]) == (1, stayed.height)
    assert state.samples() == [("n1", START + 3 * DAY, 1.0), ("n3", START + 3 * DAY, 4.0)]
    assert stayed["ts"].max() == START + 2 * HOUR


def unread(rows: pl.DataFrame, at: int, column: str) -> pl.DataFrame:
    """Mark one cell as unreadable."""
    entry = [{"column": column, "value": "soon", "fault": f"has no {column}", "at": "a.csv:2"}]
    return rows.with_columns(pl.Series(UNREADABLE, [entry if row == at else None for row in range(rows.height)]))


def test_an_event_whose_end_can_not_be_read_is_not_taken_for_one_that_goes_on(state: Again) -> None:
    spoilt = events([{}, {"start": START + DAY, "end": None, "end_recorded_at": None}])
    state.take(replace(source(SOUND), event_rows=unread(spoilt, 1, "end")))
    assert state.replay().kept["events"] == 1
    assert state.records.events()["start"].to_list() == [START]


def test_a_cell_that_can_not_be_read_stays_when_its_row_is_released(state: Again) -> None:
    rows = telemetry([("n1", HOUR, NONE, 1.0), ("n3", HOUR, NONE, None)]).with_columns(fan=pl.lit(7.0))
    state.take(source(unread(rows, 1, "load")))
    state.list_node("n3")
    assert state.replay().released["telemetry"] == 1
    assert state.reasons() == ["has no load"]
