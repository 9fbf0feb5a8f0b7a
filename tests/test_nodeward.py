"""The notebook's functions, on a small folder of records; what they return equals what the commands write."""

import json
import shutil
import subprocess
import sys
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import nodeward as nw
from data.errors import EmptyTableError
from pipelines.main import main
from tests.pipelines.records import NODES, START, write_folder

HORIZONS = ("probability_1d", "probability_3d", "probability_7d")


def overrides(folder: Path) -> tuple[str, ...]:
    return f"source.path={folder / 'records'}", f"state.path={folder / 'var'}", "clock.now=data"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebook")
    write_folder(folder)
    return folder


@pytest.fixture(scope="module")
def fleet(folder: Path) -> nw.Settings:
    """A fleet that was ingested, trained on and scored."""
    fleet = nw.open_fleet(folder / "nodeward.toml", *overrides(folder))
    nw.ingest(fleet)
    nw.train(fleet)
    return fleet


@pytest.fixture(scope="module")
def scores(fleet: nw.Settings) -> pd.DataFrame:
    return nw.score(fleet)


def by_command(folder: Path, *command: str) -> Any:  # noqa: ANN401 - as JSON has it
    options = [word for override in overrides(folder) for word in ("--set", override)]
    file = folder / "by_command.json"
    assert main([*command, "--config", str(folder / "nodeward.toml"), *options, "--json", str(file)]) == 0
    return json.loads(file.read_text())


def test_an_ingest_counts_rows_and_warns_of_those_in_quarantine(tmp_path: Path) -> None:
    write_folder(tmp_path)
    file = tmp_path / "records" / "events.parquet"
    events = pl.read_parquet(file).with_row_index()
    ends = pl.when(pl.col("index") == 0).then(pl.col("start") - pl.duration(days=1)).otherwise("end").alias("end")
    events.with_columns(ends).drop("index").write_parquet(file)
    with pytest.warns(nw.NodewardWarning, match="events: 1 quarantined"):
        first = nw.ingest(nw.open_fleet(tmp_path / "nodeward.toml", *overrides(tmp_path)))
    with pytest.warns(nw.NodewardWarning, match="events: 1 quarantined"):
        second = nw.ingest(nw.open_fleet(tmp_path / "nodeward.toml", *overrides(tmp_path)))
    assert first.loc["events"].to_dict() == {
        "inserted": len(events) - 1, "replaced": 0, "unchanged": 0, "duplicates": 0, "outdated": 0, "quarantined": 1
    }  # fmt: skip
    assert first["inserted"].to_dict()["nodes"] == NODES
    assert second["inserted"].sum() == 0
    assert second["unchanged"].to_dict() == first["inserted"].to_dict()


def test_features_are_as_known_at_the_time(fleet: nw.Settings, tmp_path: Path) -> None:
    at = START + pd.Timedelta(days=50)
    write_folder(tmp_path)
    for name in ("events", "telemetry"):
        file = tmp_path / "records" / f"{name}.parquet"
        rows = pl.read_parquet(file)
        earlier = rows.filter(pl.col("start" if name == "events" else "ts") <= at)
        assert 0 < earlier.height < rows.height
        earlier.write_parquet(file)
    cut = nw.open_fleet(tmp_path / "nodeward.toml", *overrides(tmp_path), "clock.now=wall")
    nw.ingest(cut)
    complete, from_earlier_records = nw.features(fleet, at), nw.features(cut, at)
    assert complete.notna().any().sum() > len(complete.columns) / 2
    pd.testing.assert_frame_equal(complete, from_earlier_records)
    assert not complete.equals(nw.features(fleet, at - pd.Timedelta(days=1)))


def test_a_time_before_the_first_node_has_no_features(fleet: nw.Settings) -> None:
    for function in (nw.features, nw.describe_features, lambda fleet, at: nw.score(fleet, at=at)):
        with pytest.raises(EmptyTableError, match="the fleet at 2023-06-01 00:00 UTC: has no node"):
            function(fleet, "2023-06-01")


def test_every_feature_is_described(fleet: nw.Settings) -> None:
    described = nw.describe_features(fleet).to_dict("index")
    assert list(described) == list(nw.features(fleet).columns)
    expected = {"metric": "errors", "statistic": "increase", "window": "3d"}
    assert described["errors__increase__3d"].items() >= expected.items()
    assert all(row["why"] for row in described.values())


def test_times_are_read_as_utc_however_they_are_written(fleet: nw.Settings) -> None:
    expected = nw.features(fleet, pd.Timestamp("2024-02-20", tz="UTC"))
    ways = ("2024-02-20", "20240220", "2024-02-20 01:00+01:00", date(2024, 2, 20), pd.Timestamp("2024-02-20"))
    for same in (*ways, START + pd.Timedelta(days=50)):
        assert nw.features(fleet, same).equals(expected)


@pytest.mark.parametrize(
    "time", ["soon", "now", "01/04/2024", "2024", "", 20240220, ["2024-02-20"], pd.Series(["2024-02-20"]), pd.NaT]
)
def test_what_is_no_time_is_refused_by_its_value(fleet: nw.Settings, time: Any) -> None:  # noqa: ANN401 - no times
    with pytest.raises(nw.NodewardError, match="not a time"):
        nw.features(fleet, time)


def test_scores_equal_those_of_the_command(folder: Path, scores: pd.DataFrame) -> None:
    report = by_command(folder, "score")
    assert scores.index.tolist() == [node["node"] for node in report["scores"]]
    written = [[*node["probabilities"].values()] for node in report["scores"]]
    pd.testing.assert_frame_equal(
        scores[list(HORIZONS)], pd.DataFrame(written, index=scores.index, columns=list(HORIZONS), dtype=float)
    )
    assert scores.attrs["model_version"] == report["model_version"]
    assert scores.attrs["as_of"] == report["as_of"]


def test_an_explanation_lists_the_reasons_of_a_node(folder: Path, fleet: nw.Settings, scores: pd.DataFrame) -> None:
    riskiest = scores.index[0]
    reasons = nw.explain(fleet, riskiest)
    expected = next(node["reasons"] for node in by_command(folder, "score")["scores"] if node["node"] == riskiest)
    assert reasons["text"].tolist() == [reason["text"] for reason in expected]
    assert reasons["odds"].tolist() == [reason["odds"] for reason in expected]
    assert (reasons["node"] == riskiest).all()
    assert (reasons["probability"] == scores.loc[riskiest, "probability_7d"]).all()
    assert (reasons["horizon_hours"] == 168.0).all()
    assert reasons["rank"].tolist() == list(range(1, len(expected) + 1))


def test_a_reason_names_a_feature_that_is_described(fleet: nw.Settings, scores: pd.DataFrame) -> None:
    reasons, described = nw.explain(fleet), nw.describe_features(fleet)
    of_features = reasons[reasons["odds"].notna()]
    assert 0 < len(of_features) < len(reasons) < len(scores)
    assert described.loc[of_features["feature"], "metric"].tolist() == of_features["metric"].tolist()
    assert reasons["feature"].notna().equals(reasons["odds"].notna())  # a node that does not report has other reasons


def test_an_explanation_has_the_same_types_with_rows_and_without(
    fleet: nw.Settings, scores: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons = nw.explain(fleet)
    assert reasons["since"].dt.tz is not None
    assert scores.index[0] == reasons["node"][0]
    monkeypatch.setattr("pipelines.analysis.explain.explain", lambda *_: ())
    assert nw.explain(fleet).dtypes.equals(reasons.dtypes)


def test_explanations_of_an_earlier_time_are_those_that_were_given_then(
    fleet: nw.Settings, scores: pd.DataFrame
) -> None:
    earlier = START + pd.Timedelta(days=60)
    with (
        pytest.warns(nw.NodewardWarning, match="`score --force` replaces them"),
        pytest.warns(nw.NodewardWarning, match="the model learned from records until"),
    ):
        then = nw.score(fleet, at=earlier)
    assert nw.explain(fleet, at=earlier + pd.Timedelta(hours=5))["ts"].unique().tolist() == [
        pd.Timestamp(then.attrs["as_of"])
    ]
    assert nw.explain(fleet)["ts"].unique().tolist() == [pd.Timestamp(scores.attrs["as_of"])]
    with pytest.raises(EmptyTableError, match=r"no scores of 'n99'\n.*such as n00, n01, n02"):
        nw.explain(fleet, "n99")
    with pytest.raises(EmptyTableError, match="as of 2024-01-02"):
        nw.explain(fleet, at="2024-01-02")


def test_decisions_equal_those_of_the_command(folder: Path, scores: pd.DataFrame) -> None:
    eager = "policy.failure_cost_node_hours=5000"
    decisions = nw.decide(nw.open_fleet(folder / "nodeward.toml", *overrides(folder), eager))
    report = by_command(folder, "decide", "--set", eager)
    expected = [*report["drains"], *report["held_back"]]
    assert expected
    assert decisions["verdict"].to_dict() == {decision["node"]: decision["verdict"] for decision in expected}
    assert decisions["probability"].tolist() == [scores.loc[node, "probability_7d"] for node in decisions.index]
    assert decisions.attrs["threshold"] == report["threshold"]
    nothing = nw.decide(nw.open_fleet(folder / "nodeward.toml", *overrides(folder), "policy.failure_cost_node_hours=0"))
    assert nothing.empty
    assert nothing.dtypes.equals(decisions.dtypes)
    assert nothing.index.dtype == decisions.index.dtype == "str"


def test_scores_and_decisions_are_the_same_after_parquet(
    fleet: nw.Settings, scores: pd.DataFrame, tmp_path: Path
) -> None:
    for frame in (scores, nw.decide(fleet)):
        frame.to_parquet(tmp_path / "frame.parquet")
        read = pd.read_parquet(tmp_path / "frame.parquet")
        pd.testing.assert_frame_equal(read, frame)
        assert read.attrs == frame.attrs
        assert read.attrs["as_of"] == "2024-03-21T00:00:00+00:00"


def test_a_backtest_has_the_figures_of_the_command(folder: Path, fleet: nw.Settings) -> None:
    with pytest.warns(nw.NodewardWarning, match="evaluated without those 7 quiet days"):
        result = nw.backtest(fleet, START + pd.Timedelta(days=55))
    assert repr(result).startswith("<Backtest of made up, 2024-02-25 to")
    figures, probabilities = nw.figures(result), nw.probabilities(result)
    report = by_command(folder, "backtest", "--test-start", "2024-02-25")
    for horizon in ("24", "72", "168"):
        expected = report["model"]["horizons"][horizon]
        measured = figures[(figures["model"] == "model") & (figures["horizon_hours"] == float(horizon))]
        is_overall = measured["alarm_share"].isna() & measured["alarms_per_node_day"].isna()
        overall = measured[is_overall].set_index("measure")["value"]
        assert overall["pr_auc"] == expected["pr_auc"]["value"]
        assert overall["rows"] == expected["rows"]
        budget = measured[measured["alarm_share"] == expected["budgets"][1]["alarm_share"]].set_index("measure")
        assert budget.loc["alarms", "value"] == expected["budgets"][1]["alarms"]
        by_rate = measured[measured["alarms_per_node_day"] == expected["episode_budgets"][1]["alarms_per_node_day"]]
        assert by_rate.set_index("measure").loc["episodes", "value"] == expected["episode_budgets"][1]["episodes"]
    assert set(figures["model"]) == {"model", *report["baselines"]} == set(probabilities["model"])
    assert probabilities["probability"].notna().all()
    assert figures["horizon_hours"].dtype == probabilities["horizon_hours"].dtype == "float64"


def test_a_folder_of_frames_is_a_fleet(tmp_path: Path, folder: Path, fleet: nw.Settings) -> None:
    names = ("nodes", "events", "telemetry", "blind")
    frames = {name: pd.read_parquet(folder / "records" / f"{name}.parquet") for name in names}
    frames["nodes"] = frames["nodes"].set_index("node")  # its index is a column like the others
    same = nw.open_fleet(
        nw.write_records(tmp_path / "copy", **frames),
        "clock.now=data",
        *(f"{key}={value}" for key, value in {
            "features.windows": '["1d", "3d", "7d"]',
            "metrics.columns": '{ seen_n = { kind = "count" }, errors = { kind = "counter" } }',
        }.items()),
    )  # fmt: skip
    nw.ingest(same)
    assert same.fleet.name == "copy"
    assert same.state.path == tmp_path / "copy" / "var"
    at, metrics = START + pd.Timedelta(days=50), ["errors__increase__3d", "seen_n__mean_rank__1d"]
    ours, theirs = nw.features(same, at), nw.features(fleet, at)
    assert ours.loc[theirs.index, metrics].equals(theirs[metrics])


def two_frames() -> dict[str, pd.DataFrame]:
    nodes = pd.DataFrame({"node": ["n1"], "observed_from": [pd.Timestamp(START)]})
    events = pd.DataFrame({"node": ["n1"], "start": [pd.Timestamp(START)], "end": [pd.NaT], "kind": ["failure"]})
    return {"nodes": nodes, "events": events}


def test_frames_are_not_written_over_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(nw.NodewardError, match=f"{folder}: is a file, or is below one"):
            nw.write_records(folder, **two_frames())


def test_a_frame_whose_index_is_named_like_a_column_is_refused_before_any_is_written(tmp_path: Path) -> None:
    frames = two_frames()
    frames["events"] = frames["events"].set_index("node", drop=False)
    with pytest.raises(nw.NodewardError, match="events: the index and a column are both named 'node'"):
        nw.write_records(tmp_path, **frames)
    assert not list(tmp_path.iterdir())


def test_writing_frames_again_removes_a_table_that_is_no_longer_given(tmp_path: Path) -> None:
    frames = two_frames()
    ends = frames["events"]["start"]
    nw.write_records(tmp_path, **frames, blind=pd.DataFrame({"start": ends, "end": ends}))
    nw.write_records(tmp_path, **frames)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["events.parquet", "nodes.parquet"]


def test_a_folder_of_csv_files_is_a_fleet(tmp_path: Path) -> None:
    (tmp_path / "nodes.csv").write_text("node,observed_from\nn1,2024-01-01T00:00Z\nn2,2024-01-01T00:00Z\n")
    (tmp_path / "events.csv").write_text("node,start,end,kind\nn1,2024-02-01T05:00Z,2024-02-01T09:00Z,failure\n")
    fleet = nw.open_fleet(tmp_path)
    nw.ingest(fleet)
    assert nw.features(fleet, "2024-02-03").loc["n1", "failures__count__7d"] == 1


def test_a_folder_with_a_settings_file_has_its_settings_and_a_state_folder_is_refused(
    folder: Path, fleet: nw.Settings
) -> None:
    assert nw.open_fleet(folder, *overrides(folder)) == fleet
    with pytest.raises(nw.NodewardError, match="is a state folder"):
        nw.open_fleet(fleet.state.path)


def test_a_folder_without_an_inventory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(nw.NodewardError, match=r"holds none of nodes\.parquet"):
        nw.open_fleet(tmp_path)


def test_a_later_model_waits_to_be_promoted(folder: Path, fleet: nw.Settings, tmp_path: Path) -> None:
    shutil.copytree(fleet.state.path, tmp_path / "var")
    copy = nw.open_fleet(folder / "nodeward.toml", *overrides(folder), f"state.path={tmp_path / 'var'}")
    trained = nw.train(copy, START + pd.Timedelta(days=70))
    assert trained.aliases == ("challenger",)
    assert nw.score(copy).attrs["model_version"] == "1"
    assert nw.promote(copy) == trained.version == "2"
    assert nw.score(copy).attrs["model_version"] == "2"
    assert nw.score(copy, 1).attrs["model_version"] == nw.promote(copy, 1) == "1"


def test_a_simulated_fleet_is_ready_to_ingest(tmp_path: Path) -> None:
    fleet = nw.simulate(tmp_path / "fleet", nodes=20, days=10, seed=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nw.NodewardWarning)  # some simulated sensors send impossible values
        assert nw.ingest(fleet)["inserted"].to_dict()["nodes"] == 20


@pytest.mark.parametrize("path", ["nodeward.toml", Path("var"), None])
def test_a_fleet_that_is_not_open_is_refused_by_every_function(path: Any) -> None:  # noqa: ANN401 - no fleet
    functions = (nw.ingest, nw.features, nw.describe_features, nw.train, nw.promote, nw.score, nw.explain, nw.decide)
    for function in (*functions, lambda fleet: nw.backtest(fleet, "2024-02-25")):
        with pytest.raises(nw.NodewardError, match="open it first"):
            function(path)


@pytest.mark.parametrize(("given", "expected"), [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_an_import_sets_how_long_threads_spin_unless_it_is_set(given: dict[str, str], expected: str) -> None:
    code = "import nodeward, os; print(os.environ['GOMP_SPINCOUNT'])"
    environ = {"PATH": "", "PYTHONPATH": str(Path(nw.__file__).parent), **given}
    command = [sys.executable, "-c", code]
    printed = subprocess.check_output(command, env=environ, text=True)  # noqa: S603 - the interpreter that runs this
    assert printed.strip() == expected


def test_every_public_name_exists_and_is_documented() -> None:
    assert len(set(nw.__all__)) == len(nw.__all__) > 10
    for name in nw.__all__:
        assert getattr(nw, name).__doc__, name
