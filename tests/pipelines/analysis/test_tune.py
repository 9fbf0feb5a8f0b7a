import json
import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from rich.console import Console

from models.metrics.estimate import Estimate
from models.tuning.confirmation import CAUGHT, LOSS, PRECISION, SettingsComparison
from models.tuning.search import SettingsTrial, TuningResult
from models.tuning.search_space import search_space
from pipelines.analysis.tune import ConfirmedFigure, TrialReport, TuneReport, settings_snippet, verdict
from pipelines.main import main
from pipelines.settings.load import load
from pipelines.settings.schema import ModelSettings, Settings
from pipelines.views.tune import show_tune
from pipelines.wiring import wiring
from pipelines.wiring.training_setup import training_setup
from tests.features.fleets import START
from tests.models.audit.plants import clean
from tests.models.tuning.test_search import split
from tests.pipelines.analysis.test_audit import ingested

FAST = ("--set", "model.folds=1", "--set", "model.trees=1", "--set", "model.trees_share=1", "--set", "model.leaves=2")


def run(folder: Path, *more: str) -> int:
    return main(["tune", "-c", str(folder / "nodeward.toml"), *FAST, "--json", str(folder / "tune.json"), *more])


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tune")
    ingested(folder, clean())
    return folder


@pytest.fixture(scope="module")
def tuned(state: Path) -> dict[str, Any]:
    """The report of a search whose starting settings learn almost nothing."""
    assert run(state, "--trials", "3", "--until", "2021-06-01") == 0
    report: dict[str, Any] = json.loads((state / "tune.json").read_text())
    return report


def test_better_settings_are_recommended_as_they_will_be_read(tuned: dict[str, Any], state: Path) -> None:
    assert tuned["tried"] == 3
    assert "beyond chance" in tuned["verdict"]
    assert tuned["confirmation"][LOSS]["low"] > 0
    assert tuned["recommended"] == tuned["trials"][0]["settings"]
    pasted = tomllib.loads(settings_snippet(tuned["recommended"]))["model"]
    options = [f"model.{name}={value!r}" for name, value in pasted.items()]
    settings = load(state / "nodeward.toml", options, {})
    assert {name: getattr(settings.model, name) for name in pasted} == tuned["recommended"]


def test_nothing_is_known_after_the_requested_time(tuned: dict[str, Any]) -> None:
    assert tuned["known_until"] == "2021-06-01T00:00:00+00:00"
    assert tuned["chosen_from"] < tuned["confirmed_from"] < tuned["known_until"]
    assert (tuned["horizon_hours"], tuned["alarm_share"]) == (168.0, 0.02)


def registry(state: Path) -> tuple[Settings, Any]:
    settings = load(state / "nodeward.toml", (), {})
    return settings, wiring.registry(settings)


def test_a_search_is_recorded_in_mlflow_and_registers_no_model(tuned: dict[str, Any], state: Path) -> None:
    settings, models = registry(state)
    assert models.versions() == ()
    assert models.cited_tables() == {}
    client = MlflowClient(wiring.tracking_uri(settings))
    experiment = client.get_experiment_by_name("nodeward-tuning")
    assert experiment is not None
    # Searches of other tests, which had no time to try anything, have no such metric.
    (search_run,) = client.search_runs([experiment.experiment_id], f"metrics.{LOSS}_better_by > -1000")
    assert search_run.info.status == "FINISHED"
    assert search_run.data.params["trees"] == "1"
    assert search_run.data.metrics[f"{LOSS}_better_by"] == tuned["confirmation"][LOSS]["better_by"]
    recommended = {name.partition(".")[2] for name in search_run.data.params if name.startswith("recommended.")}
    assert recommended == set(tuned["recommended"])
    report = Path(client.download_artifacts(search_run.info.run_id, "report.json", str(state))).read_text()
    assert json.loads(report)["trials"] == tuned["trials"]


def test_without_time_todays_settings_are_kept(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(state, "--minutes", "0") == 0
    report = json.loads((state / "tune.json").read_text())
    assert (report["tried"], report["recommended"], report["confirmation"]) == (1, {}, {})
    assert "Give more --minutes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "code", "error"),
    [
        (("--until", "2031-01-01"), 2, "is in the future"),
        (("--set", "model.min_failures=100000"), 3, "model.min_failures"),
        (("--trials", "0"), 2, ""),
        (("--json", "/no/such/folder/tune.json"), 2, "--json"),
    ],
)
def test_a_search_that_cannot_be_done_is_refused(
    state: Path, option: tuple[str, str], code: int, error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(state, *option) == code
    assert error in capsys.readouterr().err


def test_a_state_without_records_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nodeward.toml").write_text(f"state.path = '{tmp_path}/var'\nclock.now = 'data'\n")
    assert run(tmp_path) == 3
    assert "nodeward ingest" in capsys.readouterr().err


def test_every_tuned_setting_is_in_the_settings_file_with_its_default() -> None:
    params = training_setup(Settings(), ()).recipe.params
    assert set(search_space(params)) <= set(ModelSettings.model_fields)
    assert search_space(params)
    assert [name for name in search_space(params) if getattr(params, name) != getattr(ModelSettings(), name)] == []


BEST = SettingsTrial(1, split().recipe.params, (1.0,), is_complete=True, seconds=1.0)
NOW = SettingsTrial(0, split().recipe.params, (2.0,), is_complete=True, seconds=1.0)
EVEN = dict.fromkeys((LOSS, PRECISION, CAUGHT), Estimate(1.0, np.ones(10)))


def verdict_of(trials: tuple[SettingsTrial, ...], comparison: SettingsComparison | None) -> str:
    return verdict(TuningResult(split(), 50, 100, 3.0, trials, comparison))


def test_the_verdict_has_a_reason() -> None:
    lower, higher = Estimate(0.5, np.full(10, 0.5)), Estimate(1.5, np.full(10, 1.5))
    assert "no time to try any others" in verdict_of((NOW,), None)
    assert "none of 1 others was better" in verdict_of((NOW, replace(BEST, losses=(2.5,))), None)
    assert "no better than chance" in verdict_of((NOW, BEST), SettingsComparison(EVEN, EVEN, 9, 30))
    assert verdict_of((NOW, BEST), SettingsComparison(EVEN, {**EVEN, LOSS: lower}, 9, 30)).startswith(
        "Trial 1 is better"
    )
    assert "the log-likelihood fell" in verdict_of((NOW, BEST), SettingsComparison(EVEN, {**EVEN, LOSS: higher}, 9, 30))
    worse = verdict_of(
        (NOW, BEST), SettingsComparison(EVEN, {**EVEN, LOSS: lower, PRECISION: lower, CAUGHT: lower}, 9, 30)
    )
    assert "the average precision and share of failures caught fell" in worse
    few = {name: Estimate(1.0) for name in EVEN}
    assert "19 failures are too few" in verdict_of((NOW, BEST), SettingsComparison(few, few, 9, 19))


def report(**more: object) -> TuneReport:
    trials = tuple(
        TrialReport(number, 3.0 + number / 10, {"trees": 100 + number} if number else {})
        for number in (7, 6, 5, 4, 3, 2, 0)
    )
    report = TuneReport(
        fleet="made up",
        known_until=START,
        chosen_from=START,
        confirmed_from=START,
        failures=1_234,
        rows=56_789,
        horizon=timedelta(days=7),
        alarm_share=0.01,
        seconds=90.0,
        tried=9,
        given_up_early=2,
        rate_log_loss=4.5,
        today={"trees": 150},
        trials=trials,
        confirmation={
            LOSS: ConfirmedFigure(3.5, 3.4, 0.1, 0.05, 0.15),
            PRECISION: ConfirmedFigure(None, None, None, None, None),
        },
        confirmed_on=40,
        verdict="Trial 7 is better.",
        recommended={"trees": 107, "l2": 0.5},
        notices=("the records are old",),
    )
    return replace(report, **more)  # type: ignore[arg-type]  # a test's own fields


def printed(report: TuneReport, capsys: pytest.CaptureFixture[str]) -> str:
    show_tune(report, Console(width=80))
    return capsys.readouterr().out


def test_the_best_trials_and_todays_settings_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(report(), capsys)
    assert "1,234 failures to learn from, in 56,789 rows known at 2021-01-01 00:00 UTC" in text
    assert "9 settings tried, 2 of them stopped early, in 1.5 minutes" in text
    assert "warning: the records are old" in text
    table = [line.split()[:2] for line in text.splitlines()]
    places = [table.index(row) for row in (["7", "3.7000"], ["3", "3.3000"], ["now", "3.0000"], ["none", "4.5000"])]
    assert places == sorted(places)
    assert ["2", "3.2000"] not in table
    assert "trees 107" in text


def test_a_confirmation_is_shown_with_its_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(report(), capsys)
    assert "on 40 newer failures" in text
    assert "+0.1000  [+0.0500, +0.1500]" in text
    assert "too few" in text
    assert "[model]\ntrees = 107\nl2 = 0.5" in text


def test_without_a_recommendation_there_is_nothing_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(report(recommended={}, confirmation={}, given_up_early=0, verdict="Keep today's settings."), capsys)
    assert text.rstrip().endswith("Keep today's settings.")
    assert "[model]" not in text
    assert "stopped" not in text
    assert "newer failures" not in text
