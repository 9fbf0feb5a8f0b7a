"""The contract of every source; a new source is added by a line in SOURCES."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data.ingest.preflight import run_preflight
from data.schema import BLIND_SCHEMA, EVENT_SCHEMA, NODE_SCHEMA, TELEMETRY_KEYS
from data.sources.csv_folder import CsvSource
from data.sources.parquet_folder import ParquetSource
from data.sources.public.backblaze import BackblazeSource
from data.validation.rows import Bounds
from tests.data.made_up import DAY, HOUR, NOW, blind, source, telemetry, write_folder
from tests.data.real import DATASETS
from tests.data.sources.csv_files import write_as_csv
from tests.data.sources.drive_files import write_quarter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from data.sources.base import Source

SAMPLES = telemetry([("n1", DAY, HOUR, 1.0), ("n2", DAY, HOUR, 2.0)])


def _folder(path: Path) -> Source:
    return ParquetSource(write_folder(path, blind=blind((HOUR, DAY))), {}, timedelta(0))


def _csv(path: Path) -> Source:
    return CsvSource(
        write_as_csv(write_folder(path / "parquet", blind=blind((HOUR, DAY))), path / "csv"), {}, timedelta(0)
    )


def _quarter(path: Path) -> Source:
    return BackblazeSource(write_quarter(path / "data_Q2_2013.zip", {"2013-04-10": [("a", 1, 0, 1), ("b", 0, 0, 1)]}))


def _real(name: str) -> Callable[[Path], Source]:
    return lambda _: ParquetSource(DATASETS / name, {}, timedelta(0))


NO_TELEMETRY = "a folder without telemetry"
SOURCES: dict[str, Callable[[Path], Source]] = {
    "in memory": lambda _: source(SAMPLES),
    "a folder": _folder,
    NO_TELEMETRY: _real("lanl"),
    "a folder of on-change values": _real("backblaze"),
    "a folder of CSV files": _csv,
    "Backblaze's daily files": lambda _: BackblazeSource(DATASETS / "backblaze" / "drive_stats_csv"),
    "Backblaze's quarterly file": _quarter,
}


@pytest.fixture(params=list(SOURCES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def any_source(kind: str, tmp_path: Path) -> Source:
    return SOURCES[kind](tmp_path)


def test_a_valid_source_passes_its_own_check(any_source: Source) -> None:
    any_source.check()


def test_small_tables_are_in_their_schema(any_source: Source) -> None:
    assert dict(any_source.events().schema) == EVENT_SCHEMA
    assert dict(any_source.nodes().schema) == NODE_SCHEMA
    assert dict(any_source.blind().schema) == BLIND_SCHEMA


def test_telemetry_is_keys_and_float_metrics(any_source: Source, kind: str) -> None:
    count = 0
    for batch in any_source.telemetry():
        assert dict(batch.select(TELEMETRY_KEYS.keys()).schema) == TELEMETRY_KEYS
        metrics = [dtype for name, dtype in batch.schema.items() if name not in TELEMETRY_KEYS]
        assert metrics
        assert all(dtype.is_float() for dtype in metrics)
        count += 1
    assert (count == 0) == (kind == NO_TELEMETRY)


def test_telemetry_can_be_read_again(any_source: Source, kind: str) -> None:
    count = 0
    for once, again in zip(any_source.telemetry(), any_source.telemetry(), strict=True):
        assert_frame_equal(once, again)
        count += 1
    assert (count == 0) == (kind == NO_TELEMETRY)


def test_no_batch_takes_more_than_a_quarter_of_a_gigabyte(any_source: Source, kind: str) -> None:
    sizes = [batch.estimated_size() for batch in any_source.telemetry()]
    assert (not sizes) == (kind == NO_TELEMETRY)
    assert max(sizes, default=0) < 2**28


def test_every_event_names_a_source(any_source: Source) -> None:
    assert any_source.events()["source"].to_list() == [any_source.name] * any_source.events().height


def test_every_end_has_a_time_at_which_it_was_known(any_source: Source) -> None:
    assert any_source.events().filter(pl.col("end").is_not_null() & pl.col("end_recorded_at").is_null()).height == 0


def test_no_row_of_a_valid_source_is_rejected(any_source: Source) -> None:
    bounds = Bounds(any_source.name, NOW, pl.Series("node", [], dtype=pl.String))
    preflight = run_preflight(any_source, bounds)
    assert preflight.nodes.rejected.height + preflight.events.rejected.height + preflight.blind.rejected.height == 0
    assert preflight.telemetry.rows == sum(batch.height for batch in any_source.telemetry())
    assert preflight.nodes.valid["as_of"].null_count() == 0


def test_a_later_preflight_of_the_same_source_finds_the_same_inventory(any_source: Source) -> None:
    no_nodes = pl.Series("node", [], dtype=pl.String)
    later = (NOW + 40_000 * DAY, NOW + 41_000 * DAY)  # than the times at which the files were written
    once, again = (run_preflight(any_source, Bounds(any_source.name, latest, no_nodes)) for latest in later)
    assert_frame_equal(once.nodes.valid, again.nodes.valid)
