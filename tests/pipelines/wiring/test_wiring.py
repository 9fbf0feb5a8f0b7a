from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data.errors import EmptyTableError, SettingsError
from pipelines.wiring import wiring
from serving.actuators.base import DrainOrder
from tests.data.sources.csv_files import write_as_csv
from tests.data.sources.drive_files import write_days
from tests.pipelines.made_up import DAY, START, ingest_all, settings_of, write_records


def test_a_source_carries_the_fleets_name_wherever_its_folder_is(tmp_path: Path) -> None:
    write_records(tmp_path / "records")
    source = wiring.source(settings_of(tmp_path, "fleet.name=m100"))
    source.check()
    assert source.name == "m100"
    assert source.events()["source"].unique().to_list() == ["m100"]


def test_a_source_is_read_late_and_under_its_own_names(tmp_path: Path) -> None:
    write_records(tmp_path / "records")
    file = tmp_path / "records" / "telemetry.parquet"
    pl.read_parquet(file).rename({"node": "host"}).write_parquet(file)
    source = wiring.source(settings_of(tmp_path, "source.delay=6h", "source.columns.telemetry.node=host"))
    (rows,) = source.telemetry()
    assert rows.columns == ["node", "ts", "available_at", "temperature"]
    assert (rows["available_at"] - rows["ts"]).unique().to_list() == [timedelta(hours=6)]


def test_ignored_columns_are_not_read_even_where_they_are_no_metrics(tmp_path: Path) -> None:
    write_records(tmp_path / "records")
    file = tmp_path / "records" / "telemetry.parquet"
    odd = {"note": pl.lit("text"), "secs": pl.lit(1.0), "__index_level_0__": pl.lit(1)}
    pl.read_parquet(file).with_columns(**odd).write_parquet(file)
    settings = settings_of(tmp_path, "metrics.ignore=['note', 'seconds']", "source.columns.telemetry.seconds=secs")
    source = wiring.source(settings)
    source.check()
    (rows,) = source.telemetry()
    assert rows.columns == ["node", "ts", "available_at", "temperature"]


def test_ignoring_columns_needs_no_telemetry(tmp_path: Path) -> None:
    write_records(tmp_path / "records")
    (tmp_path / "records" / "telemetry.parquet").unlink()
    assert list(wiring.source(settings_of(tmp_path, "metrics.ignore=['x']")).telemetry()) == []


def test_everything_is_written_under_the_state_folder_by_default(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert wiring.database_url(settings) == f"sqlite:///{tmp_path}/var/nodeward.db"
    assert wiring.tracking_uri(settings) == f"sqlite:///{tmp_path}/var/mlflow.db"
    ingest_all(settings)
    assert {path.name for path in (tmp_path / "var").iterdir()} >= {"nodeward.db", "tables"}


def test_a_configured_database_and_server_are_used(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    settings = settings_of(tmp_path, f"state.url={url}", "tracking.uri=http://ml:5000")
    assert (wiring.database_url(settings), wiring.tracking_uri(settings)) == (url, "http://ml:5000")
    assert wiring.has_records(settings)


def test_a_relative_state_folder_starts_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert wiring.database_url(settings_of(tmp_path, "state.path=here")) == f"sqlite:///{tmp_path}/here/nodeward.db"


@pytest.mark.parametrize("below", ["", "/var"])
def test_a_state_folder_that_is_a_file_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="is a file"):
        wiring.state_folder(settings_of(tmp_path, f"state.path={tmp_path}/file{below}"))


def test_there_are_no_records_before_the_first_ingest(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    assert not wiring.has_records(settings)
    ingest_all(settings)
    assert wiring.has_records(settings)


def test_the_datas_clock_is_the_newest_time_that_the_records_hold(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    ingest_all(settings)
    with wiring.records(settings) as records:
        assert wiring.clock(settings, records)() == START + 10 * DAY


def test_the_datas_clock_needs_data(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    with wiring.records(settings) as records, pytest.raises(EmptyTableError, match="nodeward ingest"):
        wiring.clock(settings, records)


def test_the_wall_clock_advances(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "clock.now=wall")
    before = datetime.now(UTC)
    with wiring.records(settings) as records:
        assert before <= wiring.clock(settings, records)() <= datetime.now(UTC)


def test_models_are_registered_in_the_state_folder_by_default(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "tracking.model_name=m100")
    registry = wiring.registry(settings)
    assert (registry.uri, registry.model_name) == (f"sqlite:///{tmp_path}/var/mlflow.db", "m100")
    assert registry.artifacts == f"file://{tmp_path}/var/mlflow"
    assert registry.versions() == ()
    assert not wiring.has_models(settings)


def test_drains_are_only_recorded(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    order = DrainOrder("a", START, "why")
    assert [wiring.actuator(settings).drain(order), wiring.actuator(settings).drain(order)] == [True, False]
    assert (tmp_path / "var" / wiring.DRY_RUN).exists()


def write_csv(folder: Path) -> None:
    write_records(folder / "parquet")
    write_as_csv(folder / "parquet", folder / "records")


def test_a_folder_of_csv_files_reads_like_one_of_parquet_files(tmp_path: Path) -> None:
    write_csv(tmp_path)
    parquet = wiring.source(settings_of(tmp_path, f"source.path={tmp_path}/parquet"))
    csv = wiring.source(settings_of(tmp_path, "source.kind=csv"))
    csv.check()
    assert_frame_equal(pl.concat(parquet.telemetry()), pl.concat(csv.telemetry()))
    assert_frame_equal(parquet.events(), csv.events())
    assert_frame_equal(parquet.nodes().drop("revised_at"), csv.nodes().drop("revised_at"))


def test_ignored_columns_of_csv_files_are_not_read(tmp_path: Path) -> None:
    write_csv(tmp_path)
    source = wiring.source(settings_of(tmp_path, "source.kind=csv", "metrics.ignore=['temperature']"))
    assert [batch.columns for batch in source.telemetry()] == [["node", "ts", "available_at"]]


def test_csv_files_are_read_in_the_format_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "nodes.csv").write_text("node|observed_from\na|31.12.2023 01:00\nb|?\n")
    settings = settings_of(
        tmp_path,
        "source.kind=csv",
        "source.csv.time='%d.%m.%Y %H:%M'",
        "source.csv.zone=Europe/Rome",
        "source.csv.missing=['?']",
        "source.csv.delimiter='|'",
    )
    assert wiring.source(settings).nodes()["observed_from"].to_list() == [datetime(2023, 12, 31, tzinfo=UTC), None]


def test_times_that_have_no_meaning_without_a_zone_are_refused(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "source.kind=csv", "source.csv.time='%d.%m.%Y %H:%M'")
    with pytest.raises(SettingsError, match=r"has no offset \(%z\).*\n.*set source\.csv\.zone"):
        wiring.source(settings)


def test_backblazes_files_are_read_by_the_settings(tmp_path: Path) -> None:
    write_days(tmp_path / "records", {"2013-04-10": [("a", 0, 1, 5)], "2013-04-11": [("a", 1, 1, 9)]})
    kind = "source.kind=backblaze"
    changes = wiring.source(settings_of(tmp_path, kind, "source.backblaze.smart=[5]", "fleet.name=drives"))
    daily = wiring.source(
        settings_of(tmp_path, kind, "source.backblaze.changes_only=false", "metrics.ignore=['power_on_hours']")
    )
    assert [batch.shape for batch in changes.telemetry()] == [(1, 5)]
    assert [batch.shape for batch in daily.telemetry()] == [(2, 12)]
    assert changes.events().select("node", "source").row(0) == ("a", "drives")
