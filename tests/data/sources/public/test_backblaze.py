from __future__ import annotations

import gzip
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data.errors import ColumnError, EmptyTableError, SourceFileError
from data.ingest.preflight import run_preflight
from data.schema import EVENT_SCHEMA, NODE_SCHEMA
from data.sources.public.backblaze import BackblazeSource
from data.validation.rows import Bounds, validate_telemetry
from tests.data.real import DATASETS
from tests.data.sources.drive_files import COLUMNS, daily_csv, snapshots, write_days, write_quarter

if TYPE_CHECKING:
    from pathlib import Path

    from tests.data.sources.drive_files import Drive

FIRST = datetime(2013, 4, 10, tzinfo=UTC)
AFTER = datetime(2013, 4, 24, tzinfo=UTC)
DAY = timedelta(days=1)
THREE_DAYS: dict[str, list[Drive]] = {
    "2013-04-10": [("stays", 0, 0, 10), ("fails", 0, 1, 20), ("leaves", 0, 0, 30)],
    "2013-04-11": [("stays", 0, 0, 34), ("fails", 1, 5, 44), ("comes", 0, 0, 1)],
    "2013-04-12": [("stays", 0, 2, 58), ("comes", 0, 0, 25)],
}
VALUES = ["smart_5_raw", "smart_197_raw"]


def april(date: int) -> datetime:
    return datetime(2013, 4, date, tzinfo=UTC)


def observed_spans(source: BackblazeSource) -> dict[str, tuple[object, object]]:
    rows = source.nodes().select("node", "observed_from", "observed_until").iter_rows()
    return {node: (since, until) for node, since, until in rows}


def test_a_row_is_returned_when_a_value_changes_with_the_power_on_hours_of_the_day(tmp_path: Path) -> None:
    source = BackblazeSource(write_days(tmp_path, THREE_DAYS), smart=(5,))
    source.check()
    assert snapshots(source) == [
        ("stays", 10, 10.0, 0.0),
        ("fails", 10, 20.0, 1.0),
        ("leaves", 10, 30.0, 0.0),
        ("fails", 11, 44.0, 5.0),
        ("comes", 11, 1.0, 0.0),
        ("stays", 12, 58.0, 2.0),
    ]


def test_every_row_is_returned_on_request(tmp_path: Path) -> None:
    source = BackblazeSource(write_days(tmp_path, THREE_DAYS), smart=(5,), changes_only=False)
    assert len(snapshots(source)) == 8


def test_the_row_of_a_day_is_available_when_the_day_is_over(tmp_path: Path) -> None:
    source = BackblazeSource(write_days(tmp_path, THREE_DAYS), timedelta(hours=6), smart=(5,))
    (batch,) = source.telemetry()
    assert (batch["available_at"] - batch["ts"]).unique().to_list() == [timedelta(hours=30)]


def test_a_failure_starts_on_the_day_that_marks_it_and_is_recorded_at_its_end(tmp_path: Path) -> None:
    events = BackblazeSource(write_days(tmp_path, THREE_DAYS), label="b").events()
    assert dict(events.schema) == EVENT_SCHEMA
    assert events.select("node", "start", "end", "kind", "cause", "source", "recorded_at").rows() == [
        ("fails", april(11), None, "failure", "drive_failure", "b", april(12))
    ]


def test_a_missing_drive_is_censored_and_one_of_the_newest_day_is_still_observed(tmp_path: Path) -> None:
    source = BackblazeSource(write_days(tmp_path, THREE_DAYS))
    assert dict(source.nodes().schema) == NODE_SCHEMA
    assert observed_spans(source) == {
        "stays": (april(10), None),
        "fails": (april(10), april(11)),
        "leaves": (april(10), april(11)),
        "comes": (april(11), None),
    }


def test_a_drive_that_fails_on_its_first_day_was_observed_for_that_day(tmp_path: Path) -> None:
    source = BackblazeSource(write_days(tmp_path, {"2013-04-10": [("a", 1, 0, 0)], "2013-04-11": [("b", 0, 0, 0)]}))
    assert observed_spans(source)["a"] == (april(10), april(11))


def test_a_failure_ends_when_the_drive_returns(tmp_path: Path) -> None:
    marks = {10: 0, 11: 1, 12: 1, 13: 0, 14: 1}
    days: dict[str, list[Drive]] = {f"2013-04-{date}": [("a", mark, 0, 0)] for date, mark in marks.items()}
    source = BackblazeSource(write_days(tmp_path, days))
    assert source.events().select("start", "end", "end_recorded_at").rows() == [
        (april(11), april(13), april(14)),
        (april(14), None, None),
    ]
    assert observed_spans(source) == {"a": (april(10), april(14))}


def test_a_drive_that_misses_days_is_one_node(tmp_path: Path) -> None:
    days: dict[str, list[Drive]] = {
        "2013-04-10": [("a", 0, 3, 1)],
        "2013-04-11": [("b", 0, 0, 1)],
        "2013-04-12": [("a", 0, 3, 2), ("b", 0, 0, 2)],
    }
    source = BackblazeSource(write_days(tmp_path, days), smart=(5,))
    assert observed_spans(source) == {"a": (april(10), None), "b": (april(11), None)}
    assert snapshots(source) == [("a", 10, 1.0, 3.0), ("b", 11, 1.0, 0.0)]


def test_a_missing_value_is_no_change(tmp_path: Path) -> None:
    days: dict[str, list[Drive]] = {
        f"2013-04-{date}": [("a", 0, value, date)] for date, value in ((10, 3), (11, ""), (12, 3), (13, 4))
    }
    assert [row[1] for row in snapshots(BackblazeSource(write_days(tmp_path, days), smart=(5,)))] == [10, 13]


def test_the_model_is_the_hardware_and_a_missing_capacity_is_null(tmp_path: Path) -> None:
    (tmp_path / "2013-04-10.csv").write_text(
        "date,serial_number,model,capacity_bytes,failure\n"
        "2013-04-10,a,ST4000,4000787030016,0\n"
        "2013-04-10,b,WDC X,-1,0\n"
    )
    nodes = BackblazeSource(tmp_path).nodes()
    assert nodes["hardware"].to_list() == ["ST4000", "WDC X"]
    assert [json.loads(labels)["size_tb"] for labels in nodes["labels"]] == [4.0, None]


def test_columns_that_only_some_years_have_are_null_in_others(tmp_path: Path) -> None:
    write_days(tmp_path, {"2013-04-10": [("a", 0, 1, 1)]})
    later = (*COLUMNS[:2], "datacenter", "vault_id", "is_legacy_format", *COLUMNS[2:6], "smart_241_raw")
    (tmp_path / "2013-04-11.csv").write_text(daily_csv("2013-04-11", [("a", 0, 2, 2)], later))
    source = BackblazeSource(tmp_path, smart=(5, 241))
    source.check()
    (batch,) = source.telemetry()
    assert batch.columns[3:] == ["power_on_hours", "smart_5_raw", "smart_241_raw"]
    assert batch.select("power_on_hours", "smart_5_raw", "smart_241_raw").rows() == [
        (1.0, 1.0, None),
        (None, 2.0, None),
    ]


def test_ignored_metrics_are_not_read(tmp_path: Path) -> None:
    source = BackblazeSource(
        write_days(tmp_path, THREE_DAYS), ignored=("smart_10_raw", "power_on_hours"), smart=(5, 10)
    )
    (batch,) = source.telemetry()
    assert batch.columns == ["node", "ts", "available_at", "smart_5_raw"]


def test_plain_gzip_and_zip_files_have_the_same_content_in_any_folder(tmp_path: Path) -> None:
    plain = write_days(tmp_path / "plain", THREE_DAYS)
    mixed = tmp_path / "mixed" / "2013"
    mixed.mkdir(parents=True)
    (first, second), (third,) = list(THREE_DAYS)[:2], list(THREE_DAYS)[2:]
    write_quarter(mixed / "data_Q2_2013.zip", {first: THREE_DAYS[first], second: THREE_DAYS[second]})
    (mixed / f"{third}.csv.gz").write_bytes(gzip.compress((plain / f"{third}.csv").read_bytes()))
    (mixed / "README.txt").write_text("no daily file")
    from_plain, from_mixed = BackblazeSource(plain, label="b"), BackblazeSource(tmp_path / "mixed", label="b")
    from_mixed.check()
    assert_frame_equal(pl.concat(from_plain.telemetry()), pl.concat(from_mixed.telemetry()))
    assert_frame_equal(from_plain.nodes(), from_mixed.nodes())
    assert_frame_equal(from_plain.events(), from_mixed.events())


def test_a_single_file_is_a_source(tmp_path: Path) -> None:
    assert BackblazeSource(write_days(tmp_path, THREE_DAYS) / "2013-04-10.csv").nodes().height == 3


def test_unreadable_rows_are_rejected_and_the_others_kept(tmp_path: Path) -> None:
    (tmp_path / "2013-04-10.csv").write_text(
        daily_csv("2013-04-10", [("a", 0, 1, 1), ("b", 0, "many", 1), ("", 0, 0, 0)])
        + "2013-04-11,c,ST4000,1,0,0,0\nsoon,d,ST4000,1,0,0,0\n2013-04-10,e\n"
    )
    source = BackblazeSource(tmp_path, smart=(5,))
    (batch,) = source.telemetry()
    sifted = validate_telemetry(batch, Bounds("b", AFTER, pl.Series(["a", "b"])))
    assert sorted(sifted.valid["node"]) == ["a", "b"]
    assert sorted(sifted.rejected["reason"]) == [
        "has a date that is not its file's",
        "has a value of smart_5_raw that is no number",
        "has a value of ts that is no time written as %Y-%m-%d",
        "has another number of fields than the header",
        "has no node",
    ]
    assert source.nodes()["node"].to_list() == ["a", "b"]


def test_an_unreadable_failure_mark_is_a_rejected_event(tmp_path: Path) -> None:
    text = daily_csv("2013-04-10", [("a", 0, 1, 1), ("b", 1, 1, 1)]).replace("4000787030016,0", "4000787030016,maybe")
    (tmp_path / "2013-04-10.csv").write_text(text)
    preflight = run_preflight(BackblazeSource(tmp_path), Bounds("b", AFTER, pl.Series([], dtype=pl.String)))
    assert preflight.events.valid["node"].to_list() == ["b"]
    assert preflight.events.rejected["reason"].to_list() == ["has a value of failure that is no number"]


@pytest.mark.parametrize("ending", ["csv", "csv.gz"])
def test_two_files_of_one_day_are_refused(tmp_path: Path, ending: str) -> None:
    write_quarter(tmp_path / "q.zip", THREE_DAYS)
    content = daily_csv("2013-04-10", []).encode()
    (tmp_path / f"2013-04-10.{ending}").write_bytes(gzip.compress(content) if ending == "csv.gz" else content)
    with pytest.raises(SourceFileError, match=r"has the same day as .*2013-04-10\.csv"):
        BackblazeSource(tmp_path).check()


def test_a_folder_without_daily_files_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SourceFileError, match="holds no daily file"):
        BackblazeSource(tmp_path).check()
    with pytest.raises(SourceFileError, match="no such file or folder"):
        BackblazeSource(tmp_path / "nowhere").check()


def test_a_file_whose_name_is_no_day_is_reported(tmp_path: Path) -> None:
    (tmp_path / "2013-02-30.csv").write_text("")
    with pytest.raises(SourceFileError, match=r"has a name that is no day: 2013-02-30\.csv"):
        BackblazeSource(tmp_path).check()


def test_days_without_a_drive_are_an_empty_table(tmp_path: Path) -> None:
    with pytest.raises(EmptyTableError):
        BackblazeSource(write_days(tmp_path, {"2013-04-10": []})).check()


def test_a_missing_column_is_reported(tmp_path: Path) -> None:
    (tmp_path / "2013-04-10.csv").write_text("date,serial,model,failure\n2013-04-10,a,x,0\n")
    with pytest.raises(ColumnError, match=r"2013-04-10\.csv: no column serial_number; it has date, failure"):
        BackblazeSource(tmp_path).check()


@pytest.mark.parametrize("keep", [0.2, 0.7])
def test_a_damaged_zip_file_is_reported(tmp_path: Path, keep: float) -> None:
    file = write_quarter(tmp_path / "q.zip", THREE_DAYS)
    content = bytearray(file.read_bytes())
    if keep < 0.5:
        file.write_bytes(content[: int(len(content) * keep)])
    else:
        content[60:120] = bytes(60)  # inside the first day's compressed bytes
        file.write_bytes(content)
    with pytest.raises(SourceFileError, match=r"q\.zip.*is no readable"):
        BackblazeSource(tmp_path).check()


@pytest.fixture(scope="module")
def two_weeks() -> BackblazeSource:
    return BackblazeSource(DATASETS / "backblaze" / "drive_stats_csv", label="backblaze")


@pytest.fixture(scope="module")
def compared(two_weeks: BackblazeSource) -> pl.DataFrame:
    """Return each drive-day of the files with the values that were current in the change records on that day."""
    daily = BackblazeSource(two_weeks.path, changes_only=False)
    records = pl.read_parquet(DATASETS / "backblaze" / "telemetry.parquet").filter(pl.col("ts") < AFTER)
    current = records.select("node", "ts", *(pl.col(name).cast(pl.Float64).alias(f"current_{name}") for name in VALUES))
    from_files = pl.concat(batch.select("node", "ts", *VALUES) for batch in daily.telemetry())
    shared = from_files.join(current.select("node").unique(), on="node", how="semi")
    return shared.sort("ts").join_asof(current.sort("ts"), on="ts", by="node", check_sortedness=False)


def test_every_drive_of_the_change_records_is_read_with_its_model_size_and_first_day(
    two_weeks: BackblazeSource,
) -> None:
    records = pl.read_parquet(DATASETS / "backblaze" / "nodes.parquet")
    size = pl.col("labels").str.json_path_match("$.size_tb").cast(pl.Float64).alias("size_tb")
    from_files = two_weeks.nodes().select("node", "hardware", size, "observed_from")
    expected = records.filter(pl.col("observed_from") < AFTER).select(from_files.columns)
    added = from_files.join(expected, on="node", how="anti")
    assert_frame_equal(from_files.join(added, on="node", how="anti").sort("node"), expected.sort("node"))
    assert (expected.height, added.height) == (21_776, 77)
    assert added.filter(pl.col("hardware").str.contains("TOSHIBA|SAMSUNG")).height == 55  # not in the records at all
    assert not records["hardware"].str.contains("TOSHIBA|SAMSUNG").any()


def test_the_failures_are_those_of_the_change_records_except_for_a_drive_of_one_day(two_weeks: BackblazeSource) -> None:
    columns = ("node", "start", "kind", "cause", "recorded_at")
    records = pl.read_parquet(DATASETS / "backblaze" / "events.parquet").filter(pl.col("start") < AFTER)
    expected = records.select(columns)
    events = two_weeks.events().select(columns)
    assert events.join(expected, on="node", how="anti").rows() == [
        ("9VS3FM1J", FIRST, "failure", "drive_failure", FIRST + DAY)
    ]
    assert_frame_equal(events.filter(pl.col("node") != "9VS3FM1J"), expected, check_row_order=False)


def test_failed_drives_are_observed_until_the_day_in_the_change_records(two_weeks: BackblazeSource) -> None:
    records = pl.read_parquet(DATASETS / "backblaze" / "nodes.parquet").select("node", until="observed_until")
    failed = two_weeks.events().select("node").join(two_weeks.nodes(), on="node").join(records, on="node")
    assert failed.height == 27
    assert (failed["observed_until"] == failed["until"]).all()


def test_values_agree_day_by_day_except_where_the_change_records_are_late_or_empty(compared: pl.DataFrame) -> None:
    differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"current_{name}")) for name in VALUES)
    different = compared.filter(differs)
    empty = different.filter(pl.col("current_smart_5_raw").is_null())
    stale = different.filter(pl.col("current_smart_5_raw").is_not_null())
    earlier = compared.select("node", earlier="ts", **{f"current_{name}": name for name in VALUES})
    matches = stale.join(earlier, on=["node", *(f"current_{name}" for name in VALUES)])
    late = matches.filter(pl.col("earlier") < pl.col("ts"))
    assert (compared.height, different.height) == (299_751, 1_775)
    assert (empty.height, empty["node"].n_unique()) == (644, 46)  # their first row has no value at all
    assert stale.height == late.select("node", "ts").n_unique() == 1_131  # dated by power-on hours: late, never early


def test_carrying_changes_forward_gives_the_values_of_every_day(two_weeks: BackblazeSource) -> None:
    daily = pl.concat(BackblazeSource(two_weeks.path, changes_only=False, smart=(5, 197)).telemetry()).sort("ts")
    changes = pl.concat(BackblazeSource(two_weeks.path, smart=(5, 197)).telemetry()).sort("ts")
    carried = daily.select("node", "ts").join_asof(
        changes.select("node", "ts", *VALUES), on="ts", by="node", check_sortedness=False
    )
    assert_frame_equal(carried, daily.select("node", "ts", *VALUES))
    assert (daily.height, changes.height) == (300_774, 23_434)


def test_days_in_gzip_inside_a_zip_file_are_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "mixed.ZIP", "w") as archive:
        archive.writestr("q/2013-04-10.csv", daily_csv("2013-04-10", THREE_DAYS["2013-04-10"]))
        archive.writestr(
            "q/2013-04-11.csv.gz", gzip.compress(daily_csv("2013-04-11", THREE_DAYS["2013-04-11"]).encode())
        )
    write_days(tmp_path / "plain", {date: THREE_DAYS[date] for date in ("2013-04-10", "2013-04-11")})
    assert snapshots(BackblazeSource(tmp_path / "mixed.ZIP")) == snapshots(BackblazeSource(tmp_path / "plain"))


# Where a local header and the central one have the flags, the method, and the version that they need.
@pytest.mark.parametrize("places", [((6, 1), (8, 1)), ((6, 32), (8, 32)), ((8, 97), (10, 97)), ((4, 207), (6, 207))])
def test_an_unsupported_zip_file_is_reported(tmp_path: Path, places: tuple[tuple[int, int], ...]) -> None:
    file = write_quarter(tmp_path / "data.zip", THREE_DAYS)
    content = bytearray(file.read_bytes())
    for mark, (place, value) in zip((b"PK\3\4", b"PK\1\2"), places, strict=True):
        content[content.index(mark) + place] = value
    file.write_bytes(content)
    with pytest.raises(SourceFileError, match=r"data\.zip"):
        BackblazeSource(file).check()


def test_a_damaged_member_of_a_zip_file_is_reported(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "data.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("2013-04-10.csv", daily_csv("2013-04-10", THREE_DAYS["2013-04-10"]))
    content = bytearray((tmp_path / "data.zip").read_bytes())
    content[70] ^= 0xFF
    (tmp_path / "data.zip").write_bytes(content)
    with pytest.raises(SourceFileError, match="is no readable CSV file"):
        BackblazeSource(tmp_path / "data.zip").check()
