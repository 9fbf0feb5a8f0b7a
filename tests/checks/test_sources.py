"""What every source must do; a new one joins by a line in SOURCES."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data.ingest.preflight import survey
from data.schema import BLIND_SCHEMA, EVENT_SCHEMA, NODE_SCHEMA, TELEMETRY_KEYS
from data.sources.csv_folder import CsvSource
from data.sources.parquet_folder import ParquetSource
from data.sources.public.backblaze import BackblazeSource
from data.validation.rows import Bounds
from tests.data.made_up import DAY, HOUR, NOW, blind, source, telemetry, write_folder
from tests.data.real import DATASETS
from tests.data.sources.csv_files import as_csv
from tests.data.sources.drive_files import write_quarter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from data.sources.base import Source

SAMPLES = telemetry([("n1", DAY, HOUR, 1.0), ("n2", DAY, HOUR, 2.0)])


def _folder(path: Path) -> Source:
    return ParquetSource(write_folder(path, blind=blind((HOUR, DAY))), {}, timedelta(0))


def _csv(path: Path) -> Source:
    return CsvSource(as_csv(write_folder(path / "parquet", blind=blind((HOUR, DAY))), path / "csv"), {}, timedelta(0))


def _quarter(path: Path) -> Source:
    return BackblazeSource(write_quarter(path / "data_Q2_2013.zip", {"2013-04-10": [("a", 1, 0, 1), ("b", 0, 0, 1)]}))


def _real(name: str) -> Callable[[Path], Source]:
    return lambda _: ParquetSource(DATASETS / name, {}, timedelta(0))


SOURCES: dict[str, Callable[[Path], Source]] = {
    "in memory": lambda _: source(SAMPLES),
    "a folder": _folder,
    "a folder without telemetry": _real("lanl"),
    "a folder of on-change values": _real("backblaze"),
    "a folder of CSV files": _csv,
    "Backblaze's daily files": lambda _: BackblazeSource(DATASETS / "backblaze" / "drive_stats_csv"),
    "Backblaze's quarterly file": _quarter,
}


@pytest.fixture(params=list(SOURCES.values()), ids=list(SOURCES))
def origin(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    made: Source = request.param(tmp_path)
    return made


def test_a_sound_source_passes_its_own_check(origin: Source) -> None:
    origin.check()


def test_small_tables_are_in_their_schema(origin: Source) -> None:
    assert dict(origin.events().schema) == EVENT_SCHEMA
    assert dict(origin.nodes().schema) == NODE_SCHEMA
    assert dict(origin.blind().schema) == BLIND_SCHEMA


def test_telemetry_is_keys_and_float_metrics(origin: Source) -> None:
    for batch in origin.telemetry():
        assert dict(batch.select(TELEMETRY_KEYS.keys()).schema) == TELEMETRY_KEYS
        assert all(kind.is_float() for name, kind in batch.schema.items() if name not in TELEMETRY_KEYS)


def test_telemetry_can_be_read_again(origin: Source) -> None:
    for once, again in zip(origin.telemetry(), origin.telemetry(), strict=True):
        assert_frame_equal(once, again)


def test_no_batch_takes_more_than_a_quarter_of_a_gigabyte(origin: Source) -> None:
    assert all(batch.estimated_size() < 2**28 for batch in origin.telemetry())


def test_every_event_names_a_source(origin: Source) -> None:
    assert origin.events()["source"].to_list() == [origin.name] * origin.events().height


def test_every_end_has_a_time_at_which_it_was_known(origin: Source) -> None:
    assert origin.events().filter(pl.col("end").is_not_null() & pl.col("end_recorded_at").is_null()).height == 0


def test_a_sound_source_survives_the_survey_whole(origin: Source) -> None:
    bounds = Bounds(origin.name, NOW, pl.Series("node", [], dtype=pl.String))
    found = survey(origin, bounds)
    assert found.nodes.rejected.height + found.events.rejected.height + found.blind.rejected.height == 0
    assert found.telemetry.rows == sum(batch.height for batch in origin.telemetry())
    assert found.nodes.good["as_of"].null_count() == 0


def test_a_later_survey_of_the_same_source_finds_the_same_inventory(origin: Source) -> None:
    nobody = pl.Series("node", [], dtype=pl.String)
    later = (NOW + 40_000 * DAY, NOW + 41_000 * DAY)  # than any file was written
    once, again = (survey(origin, Bounds(origin.name, latest, nobody)) for latest in later)
    assert_frame_equal(once.nodes.good, again.nodes.good)
