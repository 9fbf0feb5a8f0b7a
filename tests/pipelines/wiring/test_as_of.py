from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from data.errors import DataError, SettingsError
from pipelines.settings.schema import Settings
from pipelines.wiring import wiring
from pipelines.wiring.as_of import as_of, staleness_warnings
from tests.pipelines.made_up import DAY, START, ingest_all, merge_all, settings_of, write_records

NEWEST = START + 10 * DAY


def warnings_at(settings: Settings, when: datetime) -> tuple[str, ...]:
    with wiring.records(settings) as records:
        return staleness_warnings(settings, wiring.store(settings), records, when)


def test_a_flow_works_as_of_now_unless_a_time_is_requested(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    ingest_all(settings)
    with wiring.records(settings) as records:
        assert as_of(settings, records, None) == NEWEST
        assert as_of(settings, records, NEWEST) == NEWEST
        assert as_of(settings, records, START) == START


def test_a_time_in_the_future_is_refused(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    ingest_all(settings)
    with wiring.records(settings) as records, pytest.raises(SettingsError) as caught:
        as_of(settings, records, NEWEST + timedelta(minutes=1))
    assert "2024-01-11 00:01 UTC is in the future: now is 2024-01-11 00:00 UTC (clock.now = 'data')" in str(
        caught.value
    )


def test_records_that_ended_long_before_cause_a_warning(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    ingest_all(settings)
    assert warnings_at(settings, NEWEST + settings.policy.stale_after) == ()
    (warning,) = warnings_at(settings, NEWEST + 38.5 * DAY)
    assert "the newest telemetry is of 2024-01-11 00:00 UTC, 38.5 days before" in warning


def test_by_the_wall_clock_records_that_ended_are_refused_with_how_to_fix_it(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "clock.now=wall")
    ingest_all(settings)
    (warning,) = warnings_at(settings, NEWEST + 3 * DAY)
    assert "3.0 days before: ingest newer records" in warning
    with pytest.raises(
        DataError, match=r"11 00:00 UTC, 3\.0 days before 2024-01-14 00:01 UTC.*\n.*clock\.now = 'data'"
    ):
        warnings_at(settings, NEWEST + 3 * DAY + timedelta(minutes=1))


def test_how_old_records_may_be_can_be_set(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "clock.now=wall", "policy.stale_after=30d")
    ingest_all(settings)
    assert warnings_at(settings, NEWEST + 30 * DAY) == ()
    with pytest.raises(DataError):
        warnings_at(settings, NEWEST + 31 * DAY)


def test_without_telemetry_a_fleet_may_be_silent_for_twice_its_longest_gap(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "clock.now=wall")
    write_records(settings.source.path)
    (settings.source.path / "telemetry.parquet").unlink()
    merge_all(settings)
    newest, gap = START + 7 * DAY, 2 * DAY  # the events begin two days apart
    assert len(warnings_at(settings, newest + 2 * gap)) == 1
    with pytest.raises(DataError, match="the newest record is of 2024-01-08 00:00 UTC"):
        warnings_at(settings, newest + 2 * gap + timedelta(minutes=1))


def test_from_a_single_event_it_is_unknown_how_long_a_fleet_may_be_silent(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "clock.now=wall")
    write_records(settings.source.path)
    (settings.source.path / "telemetry.parquet").unlink()
    events = settings.source.path / "events.parquet"
    pl.read_parquet(events).head(1).write_parquet(events)
    merge_all(settings)
    assert len(warnings_at(settings, NEWEST + 99 * DAY)) == 1


def test_a_time_inside_the_records_causes_no_warning(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    ingest_all(settings)
    assert warnings_at(settings, START) == ()


def test_without_telemetry_the_newest_record_counts(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    write_records(settings.source.path)
    (settings.source.path / "telemetry.parquet").unlink()
    merge_all(settings)
    (warning,) = warnings_at(settings, NEWEST + 30 * DAY)
    assert "the newest record is of 2024-01-08 00:00 UTC" in warning


def test_an_empty_state_causes_no_warning(tmp_path: Path) -> None:
    assert warnings_at(settings_of(tmp_path), NEWEST) == ()
