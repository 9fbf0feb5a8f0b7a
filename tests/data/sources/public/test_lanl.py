from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data.errors import ColumnError, EmptyTableError
from data.sources.public.lanl import CAUSES, convert
from tests.data.real import DATASETS

if TYPE_CHECKING:
    from pathlib import Path

HEADER: Final = (
    "System,machine type,nodes,procstot,procsinnode,nodenum,nodenumz,node install,node prod,node decom,fru type,mem,"
    "cputype,memtype,num intercon,purpose,Prob Started,Prob Fixed,Down Time,Facilities,Hardware,Human Error,Network,"
    "Undetermined,Software,Same Event"
)
GRAPHICS: Final = (
    "2,cluster,49,6152,80,0,0,5-Apr,5-Jun,current,part,80,1,1,0,graphics.fe,6/21/2005 10:54,6/21/2005 11:00,6,"
    ",Graphics Accel Hdwr,,,,,No"
)


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    file = folder / "lanl.csv"
    file.write_text("\n".join([header, *rows, ""]))
    return file


def row(system: int, size: int, node: int, start: str, end: str = "", **causes: str) -> str:
    columns = dict.fromkeys(HEADER.split(","), "")
    columns |= {"System": str(system), "nodes": str(size), "nodenumz": str(node)}
    columns |= {"Prob Started": start, "Prob Fixed": end, **causes}
    return ",".join(columns.values())


def as_published(records: Path) -> pl.DataFrame:
    """Convert our records of LANL back to the columns of the original."""
    events = pl.read_parquet(records / "events.parquet").drop_nulls("end")
    size = pl.read_parquet(records / "nodes.parquet").select("node", "system_nodes")
    times = "%m/%d/%Y %H:%M"
    titles = {name.lower().replace(" ", "_"): name for name in CAUSES}
    original = events.join(size, on="node", maintain_order="left").select(
        pl.col("node").str.slice(1, 2).cast(pl.Int64).alias("System"),
        pl.col("system_nodes").alias("nodes"),
        pl.col("node").str.slice(5).cast(pl.Int64).alias("nodenumz"),
        pl.col("start").dt.strftime(times).alias("Prob Started"),
        pl.col("end").dt.strftime(times).alias("Prob Fixed"),
        *(pl.when(pl.col("cause") == cause).then("detail").alias(title) for cause, title in titles.items()),
    )
    return original.select(
        pl.col(name) if name in original.columns else pl.lit("").alias(name) for name in HEADER.split(",")
    )


def test_the_published_example_is_read(tmp_path: Path) -> None:
    converted = convert(write(tmp_path, GRAPHICS))
    assert converted.events.row(0, named=True) == {
        "node": "s02-n0000",
        "start": datetime(2005, 6, 21, 10, 54, tzinfo=UTC),
        "end": datetime(2005, 6, 21, 11, 0, tzinfo=UTC),
        "kind": "failure",
        "cause": "hardware",
        "detail": "Graphics Accel Hdwr",
        "recorded_at": datetime(2005, 6, 21, 10, 54, tzinfo=UTC),
        "end_recorded_at": datetime(2005, 6, 21, 11, 0, tzinfo=UTC),
    }
    assert converted.nodes["node"].to_list() == [f"s02-n{number:04}" for number in range(49)]


def test_our_records_are_restored_from_the_columns_of_the_original(tmp_path: Path) -> None:
    records = DATASETS / "lanl"
    file = tmp_path / "lanl.csv"
    as_published(records).write_csv(file)
    converted = convert(file)
    order = ["node", "start", "end", "cause", "detail"]
    expected = pl.read_parquet(records / "events.parquet").drop_nulls("end")
    assert_frame_equal(converted.events.select(expected.columns).sort(order), expected.sort(order))
    assert (converted.events.height, converted.unreadable) == (16_297, 0)


def test_the_inventory_is_ours_except_for_nodes_that_fail_after_our_records_end(tmp_path: Path) -> None:
    records = DATASETS / "lanl"
    file = tmp_path / "lanl.csv"
    as_published(records).write_csv(file)
    columns = ["node", "system", "system_nodes", "observed_from", "hardware"]
    converted, ours = convert(file).nodes.select(columns), pl.read_parquet(records / "nodes.parquet").select(columns)
    assert_frame_equal(converted, ours.join(converted, on="node", how="semi").sort("node"))
    later = ours.join(converted, on="node", how="anti")
    assert later.group_by("system").len().sort("system").rows() == [("s11", 1), ("s14", 47), ("s19", 275)]


def test_years_of_two_digits_and_column_names_with_a_format_are_read(tmp_path: Path) -> None:
    header = HEADER.replace("Prob Started", "Prob Started (mm/dd/yy hh:mm)").replace("Fixed", "Fixed (mm/dd/yy hh:mm)")
    converted = convert(write(tmp_path, GRAPHICS.replace("2005 ", "97 "), header=header))
    assert converted.events["start"].to_list() == [datetime(1997, 6, 21, 10, 54, tzinfo=UTC)]


@pytest.mark.parametrize("end", ["", "soon", "1/1/1999 00:00"])
def test_an_end_that_is_missing_unreadable_or_before_the_start_is_the_start(tmp_path: Path, end: str) -> None:
    events = convert(write(tmp_path, row(3, 2, 1, "1/2/2000 9:05", end))).events
    assert events["end"].to_list() == events["start"].to_list() == [datetime(2000, 1, 2, 9, 5, tzinfo=UTC)]


def test_a_failure_without_a_cause_is_undetermined(tmp_path: Path) -> None:
    events = convert(write(tmp_path, row(3, 2, 1, "1/2/2000 9:05"))).events
    assert events.select("cause", "detail").row(0) == ("undetermined", "")


def test_nodes_beyond_the_size_of_a_system_are_listed_if_they_fail_and_its_span_is_that_of_its_records(
    tmp_path: Path,
) -> None:
    nodes = convert(write(tmp_path, row(3, 2, 5, "1/2/2000 9:05"), row(3, 2, 0, "1/4/2000 23:59"))).nodes
    assert nodes["node"].to_list() == ["s03-n0000", "s03-n0001", "s03-n0005"]
    assert nodes.select("observed_from", "observed_until").unique().row(0) == (
        datetime(2000, 1, 2, tzinfo=UTC),
        datetime(2000, 1, 5, tzinfo=UTC),
    )


def test_the_same_row_twice_is_one_failure_and_unreadable_rows_are_counted(tmp_path: Path) -> None:
    converted = convert(write(tmp_path, GRAPHICS, GRAPHICS, row(3, 2, 1, "never"), "3,cluster"))
    assert (converted.events.height, converted.unreadable) == (1, 2)


def test_a_file_without_a_usable_row_or_column_is_reported(tmp_path: Path) -> None:
    with pytest.raises(EmptyTableError, match=r"lanl\.csv: holds no row with a system"):
        convert(write(tmp_path, row(3, 2, 1, "never")))
    with pytest.raises(ColumnError, match="no column nodenumz"):
        convert(write(tmp_path, header=HEADER.replace("nodenumz", "z")))
