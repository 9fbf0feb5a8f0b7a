from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from data.errors import EmptyTableError, SettingsError, TooLittleDataError
from data.time_grid import EPOCH
from pipelines.main import main
from pipelines.report.build import build_report
from pipelines.settings.load import load
from pipelines.wiring import wiring
from pipelines.wiring.as_of import evaluation_window
from pipelines.wiring.training_setup import hindsight_view
from tests.pipelines.made_up import merge_all
from tests.pipelines.records import DAYS, NODES, START, write_folder

if TYPE_CHECKING:
    from pathlib import Path

    from models.backtest.replay import BacktestWindow
    from pipelines.settings.schema import Settings

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of a folder whose records are in the state."""
    folder = tmp_path_factory.mktemp("report")
    write_folder(folder)
    settings = load(
        folder / "nodeward.toml",
        [f"source.path={folder / 'records'}", f"state.path={folder / 'var'}", "clock.now=data"],
        {},
    )
    merge_all(settings)
    return settings


def window(settings: Settings, start: datetime | None = None) -> BacktestWindow:
    with wiring.records(settings) as records:
        return evaluation_window(settings, records, hindsight_view(wiring.store(settings), records), start)


def with_days(settings: Settings, days: int) -> Settings:
    return settings.model_copy(update={"report": settings.report.model_copy(update={"days": days})})


def test_the_last_days_are_evaluated_up_to_the_newest_midnight(settings: Settings) -> None:
    last_days = window(with_days(settings, 20))
    assert last_days.end == START + DAYS * DAY
    assert last_days.start == last_days.end - 20 * DAY


def test_at_most_half_of_the_records_is_evaluated(settings: Settings) -> None:
    half = window(settings)
    assert half.end - half.start == (half.end - (START - 10 * DAY)) / 2
    assert (half.start - EPOCH) % DAY == timedelta(0)


def with_forecast(settings: Settings, **changes: object) -> Settings:
    return settings.model_copy(update={"forecast": settings.forecast.model_copy(update=changes)})


def test_the_history_start_divides_the_records_as_if_they_began_there(settings: Settings) -> None:
    history = START + 40 * DAY
    half = window(with_forecast(settings, history_start=history.date()))
    assert half.end - half.start == (half.end - history) / 2
    earlier = with_forecast(settings, history_start=(START - 20 * DAY).date())
    assert window(earlier) == window(settings)
    with pytest.raises(TooLittleDataError, match="the history begins at 2024-03-21 00:00 UTC, and no midnight"):
        window(with_forecast(settings, history_start=(START + DAYS * DAY).date()))
    with pytest.raises(SettingsError, match="2024-02-09 12:00 is not after 2024-02-10, where the history begins"):
        window(with_forecast(settings, history_start=history.date()), history - DAY / 2)


def test_a_window_is_not_longer_than_can_be_evaluated(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.wiring.as_of.MOST_FORECASTS", 10 * NODES)
    ten_days = window(settings)
    assert ten_days.end - ten_days.start == 10 * DAY
    hourly = settings.model_copy(update={"buckets": settings.buckets.model_copy(update={"width": HOUR})})
    ten_hours = window(with_forecast(hourly, every=HOUR))
    assert ten_hours.end - ten_hours.start == 10 * HOUR


def test_a_given_start_is_used_but_not_one_after_the_records(settings: Settings) -> None:
    assert window(settings, START + 30 * DAY).start == START + 30 * DAY
    with pytest.raises(SettingsError, match="where the records end"):
        window(settings, START + DAYS * DAY)


def test_an_empty_state_is_refused(settings: Settings, tmp_path: Path) -> None:
    empty = settings.model_copy(update={"state": settings.state.model_copy(update={"path": tmp_path})})
    with pytest.raises(EmptyTableError, match="holds no records yet"):
        build_report(empty, tmp_path / "report.html", None)
    assert not (tmp_path / "report.html").exists()


def test_the_page_is_written_and_summarised(settings: Settings, tmp_path: Path) -> None:
    report = build_report(settings, tmp_path / "report.html", datetime(2024, 2, 10, tzinfo=UTC))
    page = report.path.read_text(encoding="utf-8")
    assert f"<h1>{report.headline}</h1>" in page
    assert "No scores are published here" in page
    assert "telemetry version" in page
    assert (report.fleet, report.is_simulated) == ("made up", False)
    assert len(page) < 2_000_000
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_command_refuses_a_page_that_cannot_be_written(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = settings.source.path.parent / "nodeward.toml"
    assert main(["report", str(tmp_path / "no" / "report.html"), "-c", str(config)]) == 2
    assert "no folder" in capsys.readouterr().err


def test_a_backtest_writes_a_page_in_addition_to_its_figures(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(settings.source.path.parent)
    options = [
        "--test-start",
        "2024-02-20",
        "--test-end",
        "2024-03-10",
        "--set",
        'forecast.horizons=["3d"]',
        "--set",
        "policy.horizon=3d",
    ]
    assert main(["backtest", *options, "--report", str(tmp_path / "back.html")]) == 0
    page = (tmp_path / "back.html").read_text(encoding="utf-8")
    assert "20 Feb 2024 to 10 Mar 2024" in page.replace("</span> <span>", " ")
    assert 'name="within"' not in page  # with one horizon there is nothing to choose
