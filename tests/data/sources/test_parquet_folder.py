from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal
from pyarrow import parquet

from data.errors import ColumnError, EmptyTableError, SourceFileError
from data.schema import BLIND_SCHEMA, EVENT_SCHEMA, NODE_SCHEMA
from data.sources.parquet_folder import ParquetSource
from tests.data.made_up import DAY, HOUR, MINUTE, START, blind, events, telemetry, write_folder

if TYPE_CHECKING:
    from pathlib import Path

NO_DELAY = timedelta(0)


def open_folder(path: Path, ignored: tuple[str, ...] = ()) -> ParquetSource:
    return ParquetSource(path, {}, NO_DELAY, ignored)


def only_batch(source: ParquetSource) -> pl.DataFrame:
    (batch,) = source.telemetry()
    return batch


def test_a_valid_folder_passes_and_is_read_in_the_canonical_columns(tmp_path: Path) -> None:
    source = open_folder(write_folder(tmp_path / "fleet", blind=blind((NO_DELAY, HOUR))))
    source.check()
    assert source.name == "fleet"
    assert dict(source.events().schema) == EVENT_SCHEMA
    assert dict(source.nodes().schema) == NODE_SCHEMA
    assert dict(source.blind().schema) == BLIND_SCHEMA
    assert only_batch(source).columns == ["node", "ts", "available_at", "load"]


def test_a_row_without_availability_was_known_after_the_stated_delay(tmp_path: Path) -> None:
    source = ParquetSource(write_folder(tmp_path), {}, HOUR)
    assert (only_batch(source)["available_at"] - only_batch(source)["ts"]).to_list() == [HOUR, HOUR]


def test_a_row_keeps_the_availability_that_the_file_states(tmp_path: Path) -> None:
    stated = telemetry([("n1", DAY, MINUTE, 1.0), ("n2", DAY, MINUTE, 1.0)]).with_columns(
        available_at=pl.when(pl.col("node") == "n1").then("available_at")
    )
    source = ParquetSource(write_folder(tmp_path, telemetry=stated), {}, HOUR)
    assert (only_batch(source)["available_at"] - only_batch(source)["ts"]).to_list() == [MINUTE, HOUR]


@pytest.mark.parametrize(
    ("written", "read"),
    [(pl.Float32, pl.Float32), (pl.Float64, pl.Float64), (pl.Int16, pl.Float64), (pl.UInt64, pl.Float64),
     (pl.Boolean, pl.Float64), (pl.Null, pl.Float32)],
)  # fmt: skip
def test_a_metric_keeps_the_width_of_a_float_and_becomes_a_float_otherwise(
    tmp_path: Path, written: type[pl.DataType], read: type[pl.DataType]
) -> None:
    values = pl.Series([None, None]) if written == pl.Null else pl.Series([0, 1]).cast(written)
    table = telemetry([("n1", DAY, NO_DELAY, 0.0), ("n2", DAY, NO_DELAY, 0.0)]).with_columns(values.alias("load"))
    assert only_batch(open_folder(write_folder(tmp_path, telemetry=table))).schema["load"] == read


def test_a_float32_metric_keeps_its_bits(tmp_path: Path) -> None:
    table = telemetry([("n1", DAY, NO_DELAY, 0.1), ("n2", DAY, NO_DELAY, 1e-30)], dtype=pl.Float32)
    assert_frame_equal(only_batch(open_folder(write_folder(tmp_path, telemetry=table))), table, check_exact=True)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_of_any_unit_and_zone_become_microseconds_utc(tmp_path: Path, unit: pl._typing.TimeUnit) -> None:
    zoned = events([{}]).with_columns(pl.col("start").dt.convert_time_zone("Europe/Rome").dt.cast_time_unit(unit))
    read = open_folder(write_folder(tmp_path, events=zoned)).events()
    assert read.schema["start"] == pl.Datetime("us", "UTC")
    assert read["start"].to_list() == [START]


def test_times_without_a_zone_are_refused(tmp_path: Path) -> None:
    naive = events([{}]).with_columns(pl.col("start").dt.replace_time_zone(None))
    with pytest.raises(ColumnError, match=r"events\.parquet: column start holds .*with a time zone"):
        open_folder(write_folder(tmp_path, events=naive)).check()


def test_an_end_without_a_recording_time_was_recorded_after_itself_and_the_event(tmp_path: Path) -> None:
    rows = events(
        [
            {"node": "n1", "recorded_at": START + 2 * HOUR},  # ended before it was recorded
            {"node": "n2", "recorded_at": START},
            {"node": "n3", "end": None},
        ]
    ).drop("end_recorded_at")
    recorded = open_folder(write_folder(tmp_path, events=rows)).events()["end_recorded_at"]
    assert recorded.to_list() == [START + 2 * HOUR, START + HOUR, None]


def test_an_event_without_a_recording_time_was_recorded_at_its_start(tmp_path: Path) -> None:
    minimal = events([{}]).select("node", "start", "end", "kind")
    read = open_folder(write_folder(tmp_path / "fleet", events=minimal)).events()
    assert read.select("cause", "source", "recorded_at").row(0) == (None, "fleet", START)


def test_extra_columns_become_labels(tmp_path: Path) -> None:
    nodes = pl.DataFrame({"node": ["n1"], "observed_from": [START], "slot": [3], "since": [START], "zone": ["a"]})
    detailed = events([{}]).drop("source", "labels").with_columns(detail=pl.lit("fan"))
    source = open_folder(write_folder(tmp_path, nodes=nodes, events=detailed))
    assert json.loads(source.nodes()["labels"][0]) == {"since": "2024-01-31T00:00:00+00:00", "slot": 3, "zone": "a"}
    assert json.loads(source.events()["labels"][0]) == {"detail": "fan"}


def test_a_single_column_of_labels_stays_as_it_is(tmp_path: Path) -> None:
    nodes = pl.DataFrame({"node": ["n1"], "observed_from": [START], "labels": ['{"slot":3}']})
    assert open_folder(write_folder(tmp_path, nodes=nodes)).nodes()["labels"].to_list() == ['{"slot":3}']


def test_categories_and_numbers_can_name_nodes(tmp_path: Path) -> None:
    nodes = pl.DataFrame({"node": [7], "rack": pl.Series(["r1"], dtype=pl.Categorical), "observed_from": [START]})
    read = open_folder(write_folder(tmp_path, nodes=nodes)).nodes()
    assert read.select("node", "rack").row(0) == ("7", "r1")


def test_columns_are_mapped_from_the_names_in_the_file(tmp_path: Path) -> None:
    table = telemetry([("n1", DAY, NO_DELAY, 1.5)]).rename({"node": "host", "ts": "time", "load": "load1"})
    mapping = {"telemetry": {"node": "host", "ts": "time", "load_one": "load1"}}
    source = ParquetSource(write_folder(tmp_path, telemetry=table), mapping, NO_DELAY)
    source.check()
    assert only_batch(source).select("node", "load_one").row(0) == ("n1", 1.5)


def test_a_mapped_column_replaces_another_of_the_canonical_name(tmp_path: Path) -> None:
    table = telemetry([("n1", DAY, NO_DELAY, 1.5)]).with_columns(host=pl.lit("n2"))
    source = ParquetSource(write_folder(tmp_path, telemetry=table), {"telemetry": {"node": "host"}}, NO_DELAY)
    assert only_batch(source).select("node").row(0) == ("n2",)
    assert "host" not in only_batch(source).columns


def test_ignored_columns_are_neither_read_nor_checked(tmp_path: Path) -> None:
    table = telemetry([("n1", DAY, NO_DELAY, 1.5)]).with_columns(power=pl.lit(2.0), remark=pl.lit("no number"))
    folder = write_folder(tmp_path, telemetry=table)
    source = open_folder(folder, ("load", "remark", "fan"))
    source.check()
    assert only_batch(source).columns == ["node", "ts", "available_at", "power"]


def test_keys_can_not_be_ignored(tmp_path: Path) -> None:
    assert only_batch(open_folder(write_folder(tmp_path), ("node", "ts"))).columns == [
        "node",
        "ts",
        "available_at",
        "load",
    ]


def test_a_text_among_the_metrics_is_refused(tmp_path: Path) -> None:
    table = telemetry([("n1", DAY, NO_DELAY, 1.5)]).with_columns(remark=pl.lit("no number"))
    with pytest.raises(ColumnError, match="column remark holds String, expected numbers"):
        open_folder(write_folder(tmp_path, telemetry=table)).check()


def test_batches_are_consecutive_parts_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = telemetry([("n1", minute * MINUTE, NO_DELAY, float(minute)) for minute in range(10)])
    source = open_folder(write_folder(tmp_path, telemetry=table))
    monkeypatch.setattr("data.sources.parquet_folder.BATCH_CELLS", 16)
    batches = list(source.telemetry())
    assert [batch.height for batch in batches] == [4, 4, 2]
    assert_frame_equal(pl.concat(batches), table)


def test_telemetry_and_blind_periods_can_be_missing(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "telemetry.parquet").unlink()
    source = open_folder(folder)
    source.check()
    assert list(source.telemetry()) == []
    assert source.blind().height == 0


def test_blind_periods_can_be_empty(tmp_path: Path) -> None:
    source = open_folder(write_folder(tmp_path, blind=blind()))
    source.check()
    assert source.blind().height == 0


def test_a_blind_period_without_a_recording_time_was_recorded_at_its_end(tmp_path: Path) -> None:
    source = open_folder(write_folder(tmp_path, blind=blind((NO_DELAY, HOUR)).drop("recorded_at")))
    assert source.blind()["recorded_at"].to_list() == [START + HOUR]


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SourceFileError, match=r"nowhere: no such folder\n  → set source\.path"):
        open_folder(tmp_path / "nowhere").check()


@pytest.mark.parametrize("table", ["nodes", "events"])
def test_a_missing_file_is_reported(tmp_path: Path, table: str) -> None:
    folder = write_folder(tmp_path)
    (folder / f"{table}.parquet").unlink()
    with pytest.raises(SourceFileError, match=rf"{table}\.parquet: no such file"):
        open_folder(folder).check()


@pytest.mark.parametrize("table", ["nodes", "events", "telemetry"])
def test_a_truncated_file_is_reported(tmp_path: Path, table: str) -> None:
    file = write_folder(tmp_path) / f"{table}.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(SourceFileError, match=rf"{table}\.parquet: is no readable Parquet file"):
        open_folder(tmp_path).check()


@pytest.mark.parametrize("content", [b"", b"hello", b"node,ts\nn1,2024-01-01\n"])
def test_a_file_that_is_no_parquet_is_reported(tmp_path: Path, content: bytes) -> None:
    (write_folder(tmp_path) / "events.parquet").write_bytes(content)
    with pytest.raises(SourceFileError, match=r"events\.parquet: is no readable Parquet file"):
        open_folder(tmp_path).check()


def test_a_folder_in_place_of_a_file_is_reported(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "blind.parquet").mkdir()
    with pytest.raises(SourceFileError, match=r"blind\.parquet: is no readable Parquet file"):
        open_folder(folder).check()


def test_a_file_with_damaged_content_is_reported_when_it_is_read(tmp_path: Path) -> None:
    table = telemetry([("n1", minute * MINUTE, NO_DELAY, minute**0.5) for minute in range(5000)])
    file = write_folder(tmp_path, telemetry=table) / "telemetry.parquet"
    content = bytearray(file.read_bytes())
    content[4:9000] = bytes(8996)
    file.write_bytes(content)
    with pytest.raises(SourceFileError, match=r"telemetry\.parquet: is no readable Parquet file"):
        list(open_folder(tmp_path).telemetry())


@pytest.mark.parametrize(
    ("table", "column"),
    [("nodes", "node"), ("nodes", "observed_from"), ("events", "start"), ("events", "end"), ("events", "kind")],
)
def test_a_missing_column_is_reported_with_the_available_ones(tmp_path: Path, table: str, column: str) -> None:
    file = write_folder(tmp_path) / f"{table}.parquet"
    pl.read_parquet(file).drop(column).write_parquet(file)
    with pytest.raises(ColumnError, match=rf"{table}\.parquet: no column {column}; it has .*cause|hardware|rack"):
        open_folder(tmp_path).check()


def test_a_mapping_to_a_missing_column_is_reported(tmp_path: Path) -> None:
    source = ParquetSource(write_folder(tmp_path), {"events": {"start": "begin"}}, NO_DELAY)
    with pytest.raises(ColumnError, match="no column begin; it has cause, end"):
        source.check()


@pytest.mark.parametrize("table", ["nodes", "telemetry"])
def test_an_empty_table_is_reported(tmp_path: Path, table: str) -> None:
    file = write_folder(tmp_path) / f"{table}.parquet"
    pl.read_parquet(file).clear().write_parquet(file)
    with pytest.raises(EmptyTableError, match=rf"{table}\.parquet: holds no row"):
        open_folder(tmp_path).check()


def test_a_fleet_without_failures_is_a_source(tmp_path: Path) -> None:
    file = write_folder(tmp_path) / "events.parquet"
    pl.read_parquet(file).clear().write_parquet(file)
    source = open_folder(tmp_path)
    source.check()
    assert source.events().is_empty()


def test_a_broken_link_is_a_missing_file_and_not_a_fleet_without_telemetry(tmp_path: Path) -> None:
    (write_folder(tmp_path) / "telemetry.parquet").unlink()
    (tmp_path / "telemetry.parquet").symlink_to(tmp_path / "unmounted" / "telemetry.parquet")
    with pytest.raises(SourceFileError, match=r"telemetry\.parquet: no such file"):
        open_folder(tmp_path).check()


def test_pandas_row_numbers_are_left_out(tmp_path: Path) -> None:
    table = telemetry([("n1", DAY, NO_DELAY, 1.0)]).with_columns(__index_level_0__=pl.lit(7))
    source = open_folder(write_folder(tmp_path, telemetry=table))
    source.check()
    assert only_batch(source).columns == ["node", "ts", "available_at", "load"]


def test_a_column_without_a_name_is_refused(tmp_path: Path) -> None:
    table = events([{}]).rename({"cause": ""})
    with pytest.raises(ColumnError, match=r"events\.parquet: a column has no name"):
        open_folder(write_folder(tmp_path, events=table)).check()


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path)
    times = pa.array([START], pa.timestamp("us", "UTC"))
    table = pa.table([pa.array(["n1"]), times, pa.array([1.0]), pa.array([2.0])], names=["node", "ts", "fan", "fan"])
    parquet.write_table(table, tmp_path / "telemetry.parquet")
    with pytest.raises(SourceFileError, match=r"telemetry\.parquet: has more than one column fan"):
        open_folder(tmp_path).check()


def test_a_mapping_can_give_a_metric_a_valid_name(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, telemetry=telemetry([("n1", DAY, NO_DELAY, 1.0)], "fan__rpm"))
    with pytest.raises(ColumnError, match=r"telemetry\.parquet: metric 'fan__rpm' has '__'"):
        open_folder(folder).check()
    mapped = ParquetSource(folder, {"telemetry": {"fan_rpm": "fan__rpm"}}, NO_DELAY)
    assert only_batch(mapped).columns == ["node", "ts", "available_at", "fan_rpm"]


def write_telemetry(folder: Path, values: pa.Array, name: str = "ts") -> None:
    """Write a valid folder, and telemetry of one node with one column of these values."""
    write_folder(folder)
    columns = {
        "node": pa.array(["n1"] * len(values)),
        "ts": pa.array([START] * len(values), pa.timestamp("us", "UTC")),
    }
    parquet.write_table(pa.table({**columns, name: values}), folder / "telemetry.parquet")


@pytest.mark.parametrize("zone", ["+05:30", "Z", "Europe/Rome", "UTC"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_of_every_zone_and_unit_are_read_as_utc(tmp_path: Path, zone: str, unit: str) -> None:
    write_telemetry(tmp_path, pa.array([START], pa.timestamp(unit, zone)))
    source = open_folder(tmp_path)
    source.check()
    assert only_batch(source)["ts"].to_list() == [START]


def test_times_that_do_not_fit_into_microseconds_make_a_file_unreadable(tmp_path: Path) -> None:
    write_telemetry(tmp_path, pa.array([16 * 10**17], pa.timestamp("ms", "UTC")))
    with pytest.raises(SourceFileError, match=r"telemetry\.parquet: is no readable Parquet file .*out of bounds"):
        only_batch(open_folder(tmp_path))


def test_a_wide_decimal_is_a_number(tmp_path: Path) -> None:
    write_telemetry(tmp_path, pa.array([Decimal("1.5")], pa.decimal256(60, 2)), "load")
    assert only_batch(open_folder(tmp_path))["load"].to_list() == [1.5]


@pytest.mark.parametrize("zone", ["UTC", None])
def test_a_label_with_an_impossible_time_is_null_and_one_of_bytes_is_refused(tmp_path: Path, zone: str | None) -> None:
    bought = pl.Series([1_700_000_000_000_000, 16 * 10**17]).cast(pl.Datetime("us", zone))
    table = pl.DataFrame({"node": ["n1", "n2"], "observed_from": [START] * 2, "bought": bought})
    labels = open_folder(write_folder(tmp_path, nodes=table)).nodes()["labels"]
    assert [json.loads(text)["bought"] is None for text in labels] == [False, True]
    with pytest.raises(ColumnError, match="column bought holds Binary, expected text, numbers or times"):
        open_folder(write_folder(tmp_path, nodes=table.with_columns(bought=pl.lit(b"x")))).nodes()
