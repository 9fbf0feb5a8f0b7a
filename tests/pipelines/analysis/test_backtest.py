from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from data.time_grid import HOUR
from models.hazard.model import HazardModel
from pipelines.main import main
from tests.models.reference import RATES, SHARES, Setting, judge_scores
from tests.models.test_protocol import differences
from tests.pipelines.records import DAY, DAYS, NODES, START, write_folder

if TYPE_CHECKING:
    from pathlib import Path

BASELINES = ["random", "base_rate", "rule", "history", "logistic", "lightgbm_raw"]
TEST_START, TEST_END = "2024-02-10", "2024-03-10"
ARGUMENTS = ("backtest", "--test-start", TEST_START, "--test-end", TEST_END, "--json", "out.json")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("backtest")
    write_folder(folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with settings, and records to read."""
    (tmp_path / "records").symlink_to(written / "records")
    (tmp_path / "nodeward.toml").write_text((written / "nodeward.toml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def done(written: Path) -> Path:
    """The folder after a whole backtest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(written)
        assert main([*ARGUMENTS, "--scores", "scores.parquet"]) == 0
    return written


@pytest.fixture(scope="module")
def by_hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder after a whole backtest that forecasts every six hours, of records that have telemetry as often."""
    folder = tmp_path_factory.mktemp("hours")
    write_folder(folder, every=6 * HOUR)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        hours = ("forecast.horizons=['6h','1d']", "policy.horizon=1d")
        assert main([*ARGUMENTS, "--scores", "scores.parquet", *(w for key in hours for w in ("--set", key))]) == 0
    return folder


def report(folder: Path) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return parsed


def utc(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def judged_differences(done: Path, every: timedelta, horizon: timedelta) -> list[str]:
    """List where figures of a backtest differ from the judge's, who has read its scores and the records alone."""
    scores = pl.read_parquet(done / "scores.parquet").to_pandas()
    judged = judge_scores(Setting(done / "records", utc(TEST_START), utc(TEST_END), every, horizon, "seen_n"), scores)
    out = report(done)
    assert sorted(judged) == sorted(["model", *BASELINES])
    reported = {"model": out["model"], **out["baselines"]}
    assert judged["model"]["budgets"][0]["failures"] > 10
    assert judged["model"]["episode_budgets"][-1]["episodes"] > 0
    measures = {name: model["horizons"][str(horizon // HOUR)] for name, model in reported.items()}
    for figures in judged.values():
        of_inventory = figures.pop("unknown")  # nodes that are down are among them
        assert of_inventory >= out["test"]["unknown"]
    return differences(
        {name: {**of, "at_risk": of["rows"] + of["unknown_or_dropped"]} for name, of in measures.items()}, judged
    )


@pytest.mark.parametrize("horizon", [DAY, 3 * DAY, 7 * DAY])
def test_the_judge_confirms_every_figure(done: Path, horizon: timedelta) -> None:
    assert judged_differences(done, DAY, horizon) == []


@pytest.mark.parametrize("horizon", [6 * HOUR, DAY])
def test_the_judge_confirms_every_figure_of_forecasts_of_hours(by_hours: Path, horizon: timedelta) -> None:
    assert judged_differences(by_hours, 6 * HOUR, horizon) == []


def test_the_figures_have_the_layout_of_the_protocol(done: Path) -> None:
    out = report(done)
    assert list(out) == [
        "protocol",
        "dataset",
        "every_hours",
        "repeat_hours",
        "test",
        "base_strength",
        "trees_share",
        "model",
        "baselines",
        "ratios",
        "slices",
        "causes",
        "notices",
        "seconds",
        "peak_rss_mb",
    ]
    assert (out["protocol"], out["dataset"], out["every_hours"]) == (2, "made up", 24.0)
    assert out["repeat_hours"] == {"24": 24.0, "72": 24.0, "168": 24.0}
    assert list(out["baselines"]) == BASELINES
    for model in (out["model"], *out["baselines"].values()):
        assert list(model) == ["horizons"]
        assert list(model["horizons"]) == ["24", "72", "168"]
        for measures in model["horizons"].values():
            assert [budget["alarm_share"] for budget in measures["budgets"]] == list(SHARES)
            assert [budget["alarms_per_node_day"] for budget in measures["episode_budgets"]] == list(RATES)
            assert set(measures["brier"]) == {"value", "low", "high"}
            assert not [key for key in measures if " " in key]
    assert out["seconds"] > 0
    assert out["peak_rss_mb"] > 50


def test_a_notice_can_be_required_and_its_ratio_is_paired_with_every_baseline(done: Path) -> None:
    out = report(done)
    assert list(out["ratios"]) == BASELINES
    budgets = (("budgets", "alarm_share", SHARES), ("episode_budgets", "alarms_per_node_day", RATES))
    defined = set()
    for horizon, (name, key, values) in product(("72", "168"), budgets):
        of_model, of_history = (
            model["horizons"][horizon][name] for model in (out["model"], out["baselines"]["history"])
        )
        ratios = out["ratios"]["history"]["horizons"][horizon][name]
        assert [budget[key] for budget in ratios] == list(values)
        for model_budget, history_budget, ratio in zip(of_model, of_history, ratios, strict=True):
            early, late = model_budget["caught_share_24h"], model_budget["caught_share"]
            assert early["low"] <= early["value"] <= late["value"]
            of_history_early = history_budget["caught_share_24h"]["value"]
            expected = pytest.approx(early["value"] / of_history_early) if of_history_early else None
            assert ratio["caught_share_24h"]["value"] == expected
            defined |= {name} if of_history_early else set()
    assert defined == {"budgets", "episode_budgets"}
    assert "caught_share_24h" not in out["model"]["horizons"]["24"]["budgets"][0]  # no day is left to act in


def test_the_test_window_is_counted(done: Path) -> None:
    test, scores = report(done)["test"], pl.read_parquet(done / "scores.parquet")
    assert list(test) == ["start", "end", "nodes", "node_days", "failures", "unknown", "dropped"]
    assert test["start"] == utc(TEST_START).isoformat()
    assert test["end"] == utc(TEST_END).isoformat()
    of_model = scores.filter((pl.col("horizon_hours") == 24) & (pl.col("model") == "model"))
    assert test["node_days"] == of_model.height
    assert test["nodes"] == of_model["node"].n_unique() <= NODES
    assert 0 < test["unknown"] < of_model.height / 5
    assert 0 < test["dropped"] < of_model.height / 5
    assert test["failures"] > 10


def test_the_scores_have_one_row_for_each_node_at_risk_horizon_and_model(done: Path) -> None:
    scores = pl.read_parquet(done / "scores.parquet")
    assert dict(scores.schema) == {
        "node": pl.String(),
        "ts": pl.Datetime("us", "UTC"),
        "horizon_hours": pl.Float64(),
        "model": pl.String(),
        "probability": pl.Float64(),
    }
    assert scores.select("node", "ts", "horizon_hours", "model").is_unique().all()
    assert scores["probability"].is_between(0, 1).all()
    assert sorted(scores["model"].unique()) == sorted(["model", *BASELINES])
    assert scores.group_by("horizon_hours", "model").len().group_by("horizon_hours").agg(pl.col("len").n_unique())[
        "len"
    ].to_list() == [1, 1, 1]


def test_the_state_is_removed_afterwards(done: Path) -> None:
    assert list((done / "var").iterdir()) == []
    assert sorted(path.name for path in done.iterdir()) == [
        "nodeward.toml",
        "out.json",
        "records",
        "scores.parquet",
        "var",
    ]


def test_two_runs_give_the_same_probabilities_and_the_state_can_be_kept(
    done: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*ARGUMENTS, "--scores", "scores.parquet", "--keep"]) == 0
    again, first = (pl.read_parquet(where / "scores.parquet") for where in (folder, done))
    assert again.equals(first)
    (state,) = (folder / "var").iterdir()
    assert state.name.startswith("backtest-")
    assert (state / "nodeward.db").exists()
    assert f"state kept in var/{state.name}" in capsys.readouterr().out


def test_the_table_shows_every_model_within_eighty_columns(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    few = ("--set", "model.min_failures=1000", "--set", "forecast.horizons=['7d']")
    assert main([*ARGUMENTS, *few, "--set", "fleet.name=made up[/]"]) == 0
    out = capsys.readouterr().out
    assert "made up[/]: trained on" in out
    assert "7 days ahead, one alarm per 200 nodes and day" in out
    assert "…" not in out
    lines = [line for line in out.splitlines() if not line.startswith(("made", "warning"))]
    assert len(lines) > 10
    assert max(map(len, lines)) <= 80
    assert "  model / history" in out
    for model in ("model", *BASELINES):
        (line,) = (line for line in out.splitlines() if line.startswith(f"{model} "))
        assert len(line.split()) == 8
    assert "warning: low support: " in out
    assert "failures in training, 1000 needed" in out
    assert report(folder)["model"]["horizons"]["168"]["brier"]["value"] > 0


def test_a_window_without_failures_gives_nulls_a_warning_and_0(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = ("backtest", "--test-start", "2024-03-08", "--json", "out.json", "--test-end", "2024-03-18")
    assert main([*quiet, "--set", "forecast.alarm_shares=[0.1]"]) == 0
    assert "warning: no failure in the test window" in capsys.readouterr().out
    out = report(folder)
    assert out["test"]["failures"] == 0
    nothing = {"value": None, "low": None, "high": None}
    measures = out["model"]["horizons"]["168"]
    assert [measures[name] for name in ("roc_auc", "pr_auc", "slope")] == [nothing] * 3
    assert measures["budgets"][0]["caught_share"] == nothing
    assert (measures["budgets"][0]["failures"], measures["brier"]["value"] >= 0) == (0, True)


def test_without_an_end_the_window_ends_at_the_last_midnight_of_the_records(folder: Path) -> None:
    assert main(["backtest", "--test-start", "2024-03-08", "--json", "out.json"]) == 0
    newest = pl.read_parquet(folder / "records" / "events.parquet")["recorded_at"].max()
    assert isinstance(newest, datetime)
    end = datetime.fromisoformat(report(folder)["test"]["end"])
    assert end == newest.replace(hour=0, minute=0, second=0, microsecond=0)
    assert (end - START).days <= DAYS


def test_a_quiet_end_that_is_not_evaluated_is_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "records" / "events.parquet"
    until = datetime(2024, 3, 20, tzinfo=UTC)
    pl.read_parquet(file).filter(pl.col("recorded_at") <= until).write_parquet(file)
    assert main(["backtest", "--test-start", "2024-03-08", "--json", "out.json"]) == 0
    (notice,) = report(folder)["notices"]
    newest = pl.read_parquet(folder / "records" / "telemetry.parquet")["ts"].max()
    assert isinstance(newest, datetime)
    option = f"--test-end {newest:%Y-%m-%d}"
    assert option in notice
    assert f"warning: {notice}" in capsys.readouterr().out.replace("\n", " ")
    late = newest + timedelta(days=2)
    assert main(["backtest", "--test-start", "2024-03-08", "--test-end", f"{late:%Y-%m-%d}"]) == 2
    assert f"is after {newest:%Y-%m-%d}, where the records end" in capsys.readouterr().err
    assert main(["backtest", "--test-start", "2024-03-08", *option.split(), "--json", "out.json"]) == 0
    assert report(folder)["notices"] == []
    assert report(folder)["test"]["end"].startswith(f"{newest:%Y-%m-%d}")


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["--test-start", "2024-03-01", "--test-end", "2024-02-01"], 2, "--test-end 2024-02-01 is not after"),
        (["--test-start", "2024-03-01", "--test-end", "2024-03-01"], 2, "is not after --test-start 2024-03-01"),
        (["--test-start", "2024-03-01", "--set", "forecast.horizons_days=[1,7]"], 2, "forecast.horizons_days"),
        (["--test-start", "2024-03-01", "--set", "forecast.every=5h"], 2, "forecast.every"),
        (["--test-start", "2024-03-01", "--set", "forecast.every=2d"], 2, "ends before the next score"),
        (["--test-start", "soon"], 2, "--test-start"),
        ([], 2, "--test-start"),
        (["--test-start", "2024-03-01T05:30:00"], 2, "not on the grid of buckets"),
        (["--test-start", "2024-03-01", "--set", "forecast.coverage_metric=boot_n"], 2, "it has errors, seen_n, temp"),
        (["--test-start", "2024-03-01", "--set", 'baselines.rule=["fan"]'], 2, "baselines.rule names 'fan'"),
        (["--test-start", "2024-03-01", "--scores", "none/s.parquet"], 2, "--scores none/s.parquet: no folder none"),
        (["--test-start", "2023-01-01"], 3, "hold no failure (kind = 'failure') known by 2023-01-01"),
        (["--test-start", "2030-01-01"], 3, "no forecast over 1d can be judged"),
        (["--test-start", "2024-03-01", "--set", "source.path=nowhere"], 3, "nowhere"),
    ],
)
def test_a_request_that_is_refused_leaves_nothing_behind(
    folder: Path, arguments: list[str], code: int, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backtest", *arguments, "--json", "out.json"]) == code
    assert why in " ".join(capsys.readouterr().err.split())
    assert_nothing_left(folder)


def assert_nothing_left(folder: Path) -> None:
    """Check that there are only the settings, the records, and an empty state folder or its log."""
    assert {path.name for path in folder.iterdir()} <= {"nodeward.toml", "records", "var"}
    if (folder / "var").exists():
        assert {path.name for path in (folder / "var").iterdir()} <= {"nodeward.log"}


@pytest.mark.parametrize(
    ("where", "error", "code"),
    [
        ("models.backtest.export.write_scores", KeyError("bug"), 1),
        ("models.backtest.run.evaluate_in", OSError(28, "No space left on device"), 4),
        ("models.backtest.replay.train", MemoryError(), 4),
        ("pipelines.analysis.backtest.ingest", KeyboardInterrupt(), 130),
    ],
)
def test_a_crash_leaves_neither_results_nor_state(
    folder: Path, where: str, error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(where, crash)
    assert main([*ARGUMENTS, "--scores", "scores.parquet", "--set", "forecast.horizons=['7d']"]) == code
    assert_nothing_left(folder)


def test_results_of_an_earlier_run_survive_a_crash(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "out.json").write_text("{}")

    def crash(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr(HazardModel, "probabilities", crash)
    assert main([*ARGUMENTS]) == 1
    assert report(folder) == {}


def test_a_backtest_touches_neither_tables_nor_models_of_the_installation(folder: Path) -> None:
    var = folder / "var"
    var.mkdir()
    (var / "mlflow.db").write_text("untouched")
    assert main([*ARGUMENTS, "--set", "forecast.horizons=['7d']"]) == 0
    assert [path.name for path in var.iterdir()] == ["mlflow.db"]
    assert (var / "mlflow.db").read_text() == "untouched"
