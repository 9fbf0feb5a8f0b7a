import io
from pathlib import Path

import polars as pl
from rich.console import Console

from pipelines.report import ingest_markdown, markdown_table
from pipelines.show import show_ingest
from tests.pipelines.made_up import ingest_all, merge_all, settings_of, write_records


def test_a_table_ends_its_cells_only_where_they_end() -> None:
    assert markdown_table(["a", "b"], [["x|y", "1"]]) == ["| a | b |", "| --- | --- |", "| x\\|y | 1 |"]


def test_an_ingest_is_reported_table_by_table(tmp_path: Path) -> None:
    report = ingest_markdown(ingest_all(settings_of(tmp_path)))
    assert report.startswith("# Ingest\n\n| table | new |")
    assert "| telemetry | 30 | 0 | 0 | 0 | 0 | 0 |" in report
    assert "- 30 rows of buckets rolled up" in report
    assert "- newest time: 2024-01-11T00:00:00+00:00" in report


def test_quarantined_rows_are_reported_with_the_reason(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    write_records(tmp_path / "records")
    file = tmp_path / "records" / "telemetry.parquet"
    rows = pl.read_parquet(file)
    pl.concat([rows, rows.head(2).with_columns(node=pl.lit("nobody"))]).write_parquet(file)
    report = ingest_markdown(merge_all(settings))
    assert "- telemetry: 2 quarantined, since a row is of a node that the inventory does not list" in report


def test_an_ingest_is_shown_table_by_table(tmp_path: Path) -> None:
    out = io.StringIO()
    show_ingest(ingest_all(settings_of(tmp_path)), Console(file=out, width=120))
    assert "telemetry   30         0" in out.getvalue()
