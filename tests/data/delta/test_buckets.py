from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data.delta.buckets import bucket_spans
from data.delta.rollup import rollup
from data.delta.store import Store
from data.delta.telemetry import TelemetryChange
from data.errors import ColumnError, DataError
from data.schema import BUCKET_KEYS
from data.time_grid import EPOCH, MICROSECOND
from tests.data.made_up import DAY, HOUR, MINUTE, START, telemetry

NO_DELAY = timedelta(0)
FIRST = datetime(2024, 2, 1, tzinfo=UTC)
SAMPLES = st.lists(
    st.tuples(
        st.sampled_from(["n1", "n2"]),
        st.integers(0, 60).map(lambda steps: steps * 50 * MINUTE),  # over two days, across the end of a month
        st.sampled_from([NO_DELAY, HOUR, 3 * HOUR]),
        st.none() | st.floats(-1e6, 1e6),
    ),
    max_size=12,
)


def merge_and_refresh(store: Store, batch: pl.DataFrame) -> int:
    return store.buckets.refresh(store.telemetry, store.telemetry.merge(batch))


def from_scratch(store: Store) -> pl.DataFrame:
    return rollup(store.telemetry.read(), store.telemetry.metrics(), store.buckets.width)


def assert_up_to_date(store: Store) -> None:
    assert_frame_equal(
        store.buckets.read().sort(*BUCKET_KEYS), from_scratch(store), check_exact=True, check_column_order=False
    )


@settings(max_examples=12, deadline=None)
@given(st.lists(SAMPLES, min_size=1, max_size=3))
def test_refreshing_after_late_rows_in_any_order_equals_a_rollup_from_scratch(batches: list[list[object]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        store = Store.open(Path(root), HOUR)
        for samples in batches:
            merge_and_refresh(store, telemetry(samples))  # type: ignore[arg-type]  # hypothesis loses the type of the tuple
        assert_up_to_date(store)


def test_a_bucket_table_that_was_never_written_is_empty(tmp_path: Path) -> None:
    store = Store.open(tmp_path, HOUR)
    assert dict(store.buckets.read().schema) == BUCKET_KEYS
    assert merge_and_refresh(store, telemetry([])) == 0


def test_a_new_row_rolls_up_only_its_own_bucket(tmp_path: Path) -> None:
    store = Store.open(tmp_path, HOUR)
    merge_and_refresh(store, telemetry([("n1", hour * HOUR, NO_DELAY, 1.0) for hour in range(48)]))
    assert merge_and_refresh(store, telemetry([("n1", 5 * HOUR - MINUTE, NO_DELAY, 3.0)])) == 1
    assert_up_to_date(store)


def test_a_refresh_without_new_rows_makes_no_commit(tmp_path: Path) -> None:
    store, batch = Store.open(tmp_path, HOUR), telemetry([("n1", HOUR, NO_DELAY, 1.0)])
    merge_and_refresh(store, batch)
    version = store.buckets.table.version()
    assert merge_and_refresh(store, batch) == 0
    assert store.buckets.table.version() == version


def test_a_replaced_row_moves_to_its_new_lateness(tmp_path: Path) -> None:
    store = Store.open(tmp_path, HOUR)
    merge_and_refresh(store, telemetry([("n1", HOUR, NO_DELAY, 1.0)]))
    merge_and_refresh(store, telemetry([("n1", HOUR, 2 * HOUR, 1.0)]))
    assert store.buckets.read()["lateness"].to_list() == [2]


def test_the_first_bucket_of_a_month_contains_samples_of_the_month_before(tmp_path: Path) -> None:
    store = Store.open(tmp_path, HOUR)
    merge_and_refresh(store, telemetry([("n1", DAY - MINUTE, NO_DELAY, 1.0)]))
    merge_and_refresh(store, telemetry([("n1", DAY, NO_DELAY, 3.0)]))
    assert store.buckets.table.months() == ["2024-02"]
    assert store.buckets.read(["load__mean"])["load__mean"].to_list() == [2.0]


def test_a_new_metric_has_no_sample_in_older_buckets(tmp_path: Path) -> None:
    store = Store.open(tmp_path, HOUR)
    merge_and_refresh(store, telemetry([("n1", HOUR, NO_DELAY, 1.0)], "a"))
    merge_and_refresh(store, telemetry([("n1", 9 * HOUR, NO_DELAY, 1.0)], "b"))
    assert_up_to_date(store)


def test_an_interrupted_refresh_is_completed_by_the_next(tmp_path: Path) -> None:
    store = Store.open(tmp_path, HOUR)
    merge_and_refresh(store, telemetry([("n1", HOUR, NO_DELAY, 1.0)]))
    store.telemetry.merge(telemetry([("n1", 2 * HOUR, NO_DELAY, 2.0)]))  # and the process is killed
    merge_and_refresh(store, telemetry([("n1", 30 * HOUR, NO_DELAY, 3.0)]))
    assert_up_to_date(store)


def test_an_interrupted_refresh_is_completed_by_one_without_a_change(tmp_path: Path) -> None:
    store = Store.open(tmp_path, HOUR)
    store.telemetry.merge(telemetry([("n1", 2 * HOUR, NO_DELAY, 2.0)]))
    store.buckets.refresh(store.telemetry, TelemetryChange.none(store.telemetry.table.version()))
    assert_up_to_date(store)


def test_a_reader_never_sees_an_incomplete_refresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(tmp_path, HOUR)
    merge_and_refresh(store, telemetry([("n1", HOUR, NO_DELAY, 1.0)]))
    before, versions = store.buckets.read(), store.versions()
    power_failure = RuntimeError("the power failed")

    def fail(*_: object) -> None:
        raise power_failure

    two_months = telemetry([("n1", 2 * HOUR, NO_DELAY, 2.0), ("n1", 40 * DAY, NO_DELAY, 2.0)])
    monkeypatch.setattr("data.delta.table.Table.write_notes", fail)
    with pytest.raises(RuntimeError):
        merge_and_refresh(store, two_months)
    monkeypatch.undo()
    assert store.buckets.read().equals(before)
    assert store.versions() == versions | {"telemetry": 1}
    merge_and_refresh(store, telemetry([]))
    assert_up_to_date(store)


def test_a_reader_of_another_width_is_refused(tmp_path: Path) -> None:
    merge_and_refresh(Store.open(tmp_path, HOUR), telemetry([("n1", HOUR, NO_DELAY, 1.0)]))
    with pytest.raises(DataError, match=r"holds buckets of another width than 1 day, 0:00:00\n  → ingest"):
        Store.open(tmp_path, DAY).buckets.read()


def test_a_widened_metric_does_not_roll_everything_up_again(tmp_path: Path) -> None:
    store = Store.open(tmp_path, HOUR)
    merge_and_refresh(
        store, telemetry([("n1", HOUR, NO_DELAY, 0.5), ("n1", 2 * HOUR, NO_DELAY, 0.5)], dtype=pl.Float32)
    )
    assert merge_and_refresh(store, telemetry([("n1", HOUR, NO_DELAY, 0.5)])) == 0
    assert merge_and_refresh(store, telemetry([("n1", 9 * HOUR, NO_DELAY, 0.5)])) == 1


@pytest.mark.parametrize("widths", [[2 * HOUR], [2 * HOUR, HOUR]])
def test_another_width_rolls_everything_up_again(tmp_path: Path, widths: list[timedelta]) -> None:
    batch = telemetry([("n1", minutes * MINUTE, NO_DELAY, 1.0) for minutes in range(0, 400, 30)])
    merge_and_refresh(Store.open(tmp_path, HOUR), batch)
    for width in widths:
        merge_and_refresh(Store.open(tmp_path, width), batch)
        assert_up_to_date(Store.open(tmp_path, width))
    assert Store.open(tmp_path, widths[-1]).buckets.read().height == (8 if widths[-1] == HOUR else 5)


def test_a_month_too_large_for_memory_is_rolled_up_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.delta.buckets.PIECE_CELLS", 10)
    store = Store.open(tmp_path, HOUR)
    merge_and_refresh(
        store, telemetry([("n1", minutes * MINUTE, NO_DELAY, float(minutes)) for minutes in range(0, 4000, 20)])
    )
    assert_up_to_date(store)
    assert store.buckets.table.version() > 5


def test_reading_is_bounded_by_the_ends_of_the_buckets(tmp_path: Path) -> None:
    store = Store.open(tmp_path, HOUR)
    merge_and_refresh(store, telemetry([("n1", hour * HOUR, NO_DELAY, 1.0) for hour in range(48)]))
    buckets = store.buckets.read(["load__n"], until=START + 30 * HOUR, start=START + 29 * HOUR)
    assert buckets.columns == [*BUCKET_KEYS, "load__n"]
    assert sorted(buckets["bucket_end"]) == [START + 29 * HOUR, START + 30 * HOUR]
    assert store.buckets.read(["load__n"], until=datetime.max.replace(tzinfo=UTC)).height == 48
    assert buckets.schema["load__n"] == pl.UInt32


def test_the_error_names_a_missing_column(tmp_path: Path) -> None:
    store = Store.open(tmp_path, HOUR)
    merge_and_refresh(store, telemetry([("n1", HOUR, NO_DELAY, 1.0)]))
    with pytest.raises(ColumnError, match="no column fan__mean"):
        store.buckets.read(["fan__mean"])


def test_a_span_ends_with_the_bucket_of_its_last_sample() -> None:
    assert bucket_spans([(START + MINUTE, START + HOUR)], HOUR) == [(START + HOUR, START + HOUR)]


def test_spans_of_a_month_are_joined_and_split_where_it_ends() -> None:
    spans = [(START + HOUR, START + HOUR), (START + 3 * HOUR, FIRST + 2 * HOUR)]
    assert bucket_spans(spans, HOUR) == [(START + HOUR, FIRST - HOUR), (FIRST, FIRST + 2 * HOUR)]


@settings(deadline=None)
@given(st.integers(0, 10**8), st.integers(0, 10**8), st.integers(1, 10**7))
def test_spans_cover_the_buckets_of_both_ends_and_are_on_the_grid(low: int, length: int, width_seconds: int) -> None:
    first = START + timedelta(seconds=low)
    width = timedelta(seconds=width_seconds)
    spans = bucket_spans([(first, first + timedelta(seconds=length))], width)
    assert {(end - EPOCH) % width for span in spans for end in span} == {NO_DELAY}
    assert first <= spans[0][0] < first + width
    assert spans[-1][1] - width + MICROSECOND <= first + timedelta(seconds=length) <= spans[-1][1]
