from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data.errors import ColumnError, EmptyTableError, SourceFileError
from data.ingest.preflight import run_preflight
from data.readers.csv_values import Dialect
from data.sources.csv_folder import CsvSource
from data.sources.parquet_folder import ParquetSource
from data.validation.rows import Bounds, validate_telemetry
from tests.data.made_up import DAY, HOUR, MINUTE, NOW, START, blind, write_folder
from tests.data.sources.csv_files import write_as_csv

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NO_DELAY = timedelta(0)
NODES = "node,observed_from,rack,slot\nn1,2024-01-01T00:00Z,r1,3\nn2,2024-01-01T00:00Z,r1,4\n"
EVENTS = (
    "node,start,end,kind,cause\n"
    "n1,2024-02-01T00:00:00Z,2024-02-01T01:00:00Z,failure,disk\n"
    "n2,2024-02-02T00:00Z,,failure,NA\n"
)
TELEMETRY = "node,ts,load,temp\nn1,2024-02-01T00:00:00Z,1.5,20\nn2,2024-02-01T00:00:00Z,NA,21\n"


def write(folder: Path, **tables: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"nodes": NODES, "events": EVENTS, "telemetry": TELEMETRY, **tables}.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def open_folder(folder: Path, mapping: Mapping[str, Mapping[str, str]] | None = None) -> CsvSource:
    return CsvSource(folder, mapping or {}, NO_DELAY)


def only_batch(source: CsvSource) -> pl.DataFrame:
    (batch,) = source.telemetry()
    return batch


def rejected(source: CsvSource) -> list[tuple[str, dict[str, object]]]:
    preflight = run_preflight(source, Bounds(source.name, NOW, pl.Series("node", [], dtype=pl.String)))
    telemetry = [validate_telemetry(batch, preflight.bounds).rejected for batch in source.telemetry()]
    small = [table.rejected for table in (preflight.nodes, preflight.events, preflight.blind)]
    return [(row["reason"], json.loads(row["row"])) for row in pl.concat([*small, *telemetry]).iter_rows(named=True)]


def test_a_folder_has_the_same_content_in_csv_and_in_parquet(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "fleet", blind=blind((HOUR, DAY)))
    in_parquet = ParquetSource(folder, {}, HOUR, label="x")
    in_csv = CsvSource(write_as_csv(folder, tmp_path / "csv" / "x"), {}, HOUR)
    in_csv.check()
    assert_frame_equal(in_parquet.events(), in_csv.events())
    assert_frame_equal(in_parquet.nodes().drop("revised_at"), in_csv.nodes().drop("revised_at"))
    assert_frame_equal(in_parquet.blind(), in_csv.blind())
    assert_frame_equal(pl.concat(in_parquet.telemetry()), pl.concat(in_csv.telemetry()))


def test_missing_values_are_null_and_extra_columns_become_labels(tmp_path: Path) -> None:
    source = open_folder(write(tmp_path))
    source.check()
    assert only_batch(source).select("load", "temp").rows() == [(1.5, 20.0), (None, 21.0)]
    assert source.events()["cause"].to_list() == ["disk", None]
    assert source.nodes()["labels"].to_list() == ['{"slot":"3"}', '{"slot":"4"}']
    assert source.blind().height == 0


def test_columns_are_mapped_from_the_names_in_the_file(tmp_path: Path) -> None:
    text = TELEMETRY.replace("node,ts,load", "Host Name,time,CPU")
    mapping = {"telemetry": {"node": "Host Name", "ts": "time", "cpu": "CPU"}}
    batch = only_batch(open_folder(write(tmp_path, telemetry=text), mapping))
    assert batch.select("node", "cpu", "temp").row(0) == ("n1", 1.5, 20.0)
    assert batch.width == 5


def test_one_column_of_a_file_can_be_mapped_twice(tmp_path: Path) -> None:
    source = open_folder(write(tmp_path), {"events": {"recorded_at": "start", "start": "start"}})
    source.check()
    assert source.events().select(pl.col("recorded_at") == pl.col("start")).to_series().all()


def test_another_dialect_is_read(tmp_path: Path) -> None:
    write(
        tmp_path,
        nodes="node;observed_from\nn1;31/01/2024 01:00\n",
        events="node;start;end;kind\nn1;01/02/2024 01:00;missing;failure\n",
        telemetry="node;ts;load\nn1;01/02/2024 01:00;1,5\n",
    )
    dialect = Dialect("%d/%m/%Y %H:%M", "Europe/Rome", ("missing",), ",", ";")
    source = CsvSource(tmp_path, {}, NO_DELAY, dialect=dialect)
    source.check()
    assert source.nodes()["observed_from"].to_list() == [START]
    assert source.events().select("start", "end").row(0) == (START + DAY, None)
    assert only_batch(source).select("ts", "load").row(0) == (START + DAY, 1.5)


def test_a_folder_of_a_table_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "telemetry.csv").unlink()
    parts = tmp_path / "telemetry"
    parts.mkdir()
    (parts / "2.csv.gz").write_bytes(gzip.compress(b"node,ts,fan\nn1,2024-02-03T00:00Z,3\n"))
    (parts / "1.csv").write_text(TELEMETRY)
    (parts / "notes.txt").write_text("no table")
    source = open_folder(tmp_path)
    source.check()
    batch = only_batch(source)
    assert batch.select("load", "temp", "fan").rows() == [(1.5, 20.0, None), (None, 21.0, None), (None, None, 3.0)]


def test_batches_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = write(tmp_path) / "telemetry"
    (tmp_path / "telemetry.csv").unlink()
    parts.mkdir()
    for hour in range(6):
        (parts / f"{hour}.csv").write_text(f"node,ts,load\nn1,2024-02-01T0{hour}:00Z,{hour}\n")
    monkeypatch.setattr("data.sources.csv_folder.BATCH_CELLS", 6)
    assert [batch.height for batch in open_folder(tmp_path).telemetry()] == [2, 2, 2]


def test_a_bad_cell_is_rejected_alone_and_a_bad_key_with_its_row(tmp_path: Path) -> None:
    text = (
        TELEMETRY
        + "n1,2024-02-01T01:00:00Z,hot,cold\nn1,soon,1,2\nn1,2024-02-01T03:00:00Z\nn1,2024-02-01T04:00:00Z,inf,2\n"
    )
    source = open_folder(write(tmp_path, telemetry=text, nodes=NODES + "n3,never,r2,5\n"))
    offset = "an offset such as Z or +01:00"
    assert [(reason, *(row.get(key) for key in ("metric", "value"))) for reason, row in rejected(source)] == [
        (f"has a value of observed_from that is no ISO 8601 time with {offset}", None, None),
        (f"has a value of ts that is no ISO 8601 time with {offset}", None, None),
        ("has another number of fields than the header", None, None),
        ("has a value of load that is no number", "load", "hot"),
        ("has a value of temp that is no number", "temp", "cold"),
        ("holds an infinite value", "load", "inf"),
    ]


def test_an_unreadable_cell_is_kept_with_its_file_row_and_value(tmp_path: Path) -> None:
    ((_, row),) = rejected(open_folder(write(tmp_path, events=EVENTS + "n1,yesterday,,failure,fan\n")))
    assert row["__unreadable"] == [
        {
            "column": "start",
            "value": "yesterday",
            "fault": "has a value of start that is no ISO 8601 time with an offset such as Z or +01:00",
            "at": "events.csv, row 4",
        }
    ]
    assert row["cause"] == "fan"


def test_a_completely_unreadable_table_is_refused_with_the_reason(tmp_path: Path) -> None:
    source = open_folder(write(tmp_path, nodes="node,observed_from\nn1,1.2.2024\nn2,1.2.2024\n"))
    with pytest.raises(EmptyTableError, match=r"not one of its 2 rows .*observed_from that is no ISO 8601 time"):
        rejected(source)


def test_a_completely_unreadable_column_is_reported_with_a_value(tmp_path: Path) -> None:
    rows = "".join(f"n1,2024-02-01T{hour:02}:00Z,on rack {hour}\n" for hour in range(24))
    write(tmp_path, telemetry="node,ts,note\n" + rows)
    with pytest.raises(ColumnError, match=r"telemetry\.csv: column note .* no number, .* first is 'on rack 0'"):
        open_folder(tmp_path).check()
    CsvSource(tmp_path, {}, NO_DELAY, ("note",)).check()


def test_the_error_for_times_without_an_offset_names_the_setting(tmp_path: Path) -> None:
    write(tmp_path, telemetry="node,ts,temp\n" + "".join(f"n1,2024-02-01 {hour:02}:00,{hour}\n" for hour in range(24)))
    with pytest.raises(ColumnError, match=r"(?s)column ts .* first is '2024-02-01 00:00'.*source\.csv\.zone"):
        open_folder(tmp_path).check()


def test_a_row_can_contain_when_it_became_available(tmp_path: Path) -> None:
    text = "node,ts,available_at,load\nn1,2024-02-01T00:00Z,2024-02-01T00:01Z,1\nn1,2024-02-02T00:00Z,,1\n"
    source = CsvSource(write(tmp_path, telemetry=text), {}, HOUR)
    assert (only_batch(source)["available_at"] - only_batch(source)["ts"]).to_list() == [MINUTE, HOUR]


def test_times_are_never_shifted(tmp_path: Path) -> None:
    assert only_batch(open_folder(write(tmp_path)))["ts"].to_list() == [datetime(2024, 2, 1, tzinfo=UTC)] * 2


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SourceFileError, match=r"nowhere: no such folder\n  → set source\.path"):
        open_folder(tmp_path / "nowhere").check()


@pytest.mark.parametrize("table", ["nodes", "events"])
def test_a_missing_file_is_reported(tmp_path: Path, table: str) -> None:
    (write(tmp_path) / f"{table}.csv").unlink()
    with pytest.raises(SourceFileError, match=rf"{table}\.csv: no such file"):
        open_folder(tmp_path).check()


def test_a_broken_link_is_a_missing_file(tmp_path: Path) -> None:
    (write(tmp_path) / "telemetry.csv").unlink()
    (tmp_path / "telemetry.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(SourceFileError, match=r"telemetry\.csv: no such file"):
        open_folder(tmp_path).check()


def test_a_table_in_two_forms_is_refused(tmp_path: Path) -> None:
    (write(tmp_path) / "nodes.csv.gz").write_bytes(gzip.compress(NODES.encode()))
    with pytest.raises(SourceFileError, match=r"nodes\.csv: exists next to .*nodes\.csv\.gz"):
        open_folder(tmp_path).check()


@pytest.mark.parametrize("table", ["nodes", "telemetry"])
def test_an_empty_table_is_reported(tmp_path: Path, table: str) -> None:
    file = write(tmp_path) / f"{table}.csv"
    file.write_text(file.read_text().splitlines()[0] + "\n")
    with pytest.raises(EmptyTableError, match=rf"{table}\.csv: holds no row"):
        open_folder(tmp_path).check()


def test_a_fleet_without_failures_is_a_source(tmp_path: Path) -> None:
    file = write(tmp_path) / "events.csv"
    file.write_text(file.read_text().splitlines()[0] + "\n")
    source = open_folder(tmp_path)
    source.check()
    assert source.events().is_empty()


def test_blind_periods_can_be_empty(tmp_path: Path) -> None:
    source = open_folder(write(tmp_path, blind="start,end\n"))
    source.check()
    assert source.blind().height == 0


def test_a_missing_column_is_reported_with_the_available_ones(tmp_path: Path) -> None:
    with pytest.raises(ColumnError, match=r"events\.csv: no column kind; it has cause, end, node, start, type"):
        open_folder(write(tmp_path, events=EVENTS.replace("kind,cause", "type,cause"))).check()


def test_the_error_shows_another_delimiter(tmp_path: Path) -> None:
    with pytest.raises(ColumnError, match="it has node;observed_from;rack;slot"):
        open_folder(write(tmp_path, nodes=NODES.replace(",", ";"))).check()
