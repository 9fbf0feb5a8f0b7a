from datetime import datetime, timedelta
from pathlib import Path

import pytest

from data.errors import SettingsError
from pipelines import wiring
from pipelines.moments import as_of, doubts
from pipelines.settings_shape import Settings
from tests.pipelines.made_up import DAY, START, ingest_all, merge_all, settings_of, write_records

NEWEST = START + 10 * DAY


def doubted(settings: Settings, when: datetime) -> tuple[str, ...]:
    with wiring.records(settings) as records:
        return doubts(settings, wiring.store(settings), records, when)


def test_a_flow_works_as_of_now_unless_asked_otherwise(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    ingest_all(settings)
    with wiring.records(settings) as records:
        assert as_of(settings, records, None) == NEWEST
        assert as_of(settings, records, NEWEST) == NEWEST
        assert as_of(settings, records, START) == START


def test_a_time_that_is_still_to_come_is_refused(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    ingest_all(settings)
    with wiring.records(settings) as records, pytest.raises(SettingsError) as caught:
        as_of(settings, records, NEWEST + timedelta(minutes=1))
    assert "2024-01-11 00:01 UTC is still to come: now is 2024-01-11 00:00 UTC (clock.now = 'data')" in str(
        caught.value
    )


def test_records_that_ended_long_before_are_doubted(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    ingest_all(settings)
    assert doubted(settings, NEWEST + settings.policy.stale_after) == ()
    (found,) = doubted(settings, NEWEST + 38.5 * DAY)
    assert "the newest telemetry is of 2024-01-11 00:00 UTC, 38.5 days before" in found


def test_a_time_inside_the_records_is_not_doubted(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    ingest_all(settings)
    assert doubted(settings, START) == ()


def test_without_telemetry_the_newest_record_counts(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    write_records(settings.source.path)
    (settings.source.path / "telemetry.parquet").unlink()
    merge_all(settings)
    (found,) = doubted(settings, NEWEST + 30 * DAY)
    assert "the newest record is of 2024-01-08 00:00 UTC" in found


def test_a_state_that_holds_nothing_is_not_doubted(tmp_path: Path) -> None:
    assert doubted(settings_of(tmp_path), NEWEST) == ()
