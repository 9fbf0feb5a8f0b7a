"""A state, a model and scores from when settings counted days work with this version, once the settings are converted.

`format_3.tar.xz` was written by commit b7e2326 (models of format 3): the folder of tests/pipelines/records.py, with
every setting that had a number of days or hours, after `ingest`, `train`, `score` and `decide`; with the JSON of the
last two, in a folder that no longer exists, without the model's plots.
"""

import json
import math
import tarfile
from pathlib import Path
from typing import Any

import pytest

from models.registry.bundle import FORMAT
from tests.pipelines.operations.test_ingest import Ran, run

ARCHIVE = Path(__file__).with_name("format_3.tar.xz")
LINES = {
    "forecast.horizons_days = [1, 3, 7]": 'forecast.horizons = ["1d", "3d", "7d"]',
    "forecast.every_days = 1": 'forecast.every = "1d"',
    "forecast.lead_hours = [24]": 'forecast.leads = ["1d"]',
    "policy.horizon_days = 7": 'policy.horizon = "7d"',
}
SCRIPT = """
import nodeward
from pipelines.main import main
source = ["--set", "clock.now=data"]
codes = [
    main(["status", *source, "--json", "status.json"]),
    main(["check", *source, "--json", "check.json"]),
    main(["decide", *source, "--json", "decided.json"]),
]
explained = nodeward.explain(nodeward.open_fleet("nodeward.toml", "clock.now=data"))
explained.to_json("explained.json", orient="records", date_format="iso")
codes += [
    main(["score", *source, "--json", "scored.json"]),
    main(["report", "page.html", *source, "--set", "report.days=20"]),
    main(["train", *source]),
    main(["promote", *source]),
    main(["score", *source, "--json", "by_new_model.json"]),
]
print(codes)
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The old folder, and what a command prints that reads its settings as they are."""
    folder = tmp_path_factory.mktemp("in_days")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    process = run(folder, "-m", "pipelines.main", "status")
    assert process.returncode == 2
    return Ran(folder, process.stdout, process.stderr)


@pytest.fixture(scope="module")
def ran(unpacked: Ran) -> Ran:
    """The old folder after every command with converted settings."""
    settings = unpacked.folder / "nodeward.toml"
    text = settings.read_text()
    for old, new in LINES.items():
        assert text.count(f"{old}\n") == 1
        text = text.replace(old, new)
    settings.write_text(text)
    process = run(unpacked.folder, "-c", SCRIPT)
    return Ran(unpacked.folder, process.stdout, process.stderr)


def read(ran: Ran, name: str) -> Any:  # noqa: ANN401  - as JSON has it
    return json.loads((ran.folder / f"{name}.json").read_text())


def manifest(ran: Ran, version: int) -> dict[str, Any]:
    files = [json.loads(path.read_text()) for path in ran.folder.glob("var/mlflow/*/artifacts/model/manifest.json")]
    (found,) = (values for values in files if values["format"] == version)
    return dict(found)


def test_settings_in_days_are_refused_with_each_line_to_write(unpacked: Ran) -> None:
    assert [old for old in LINES if f"{old} (nodeward.toml, line" not in unpacked.err] == []
    assert [new for new in LINES.values() if f"write {new}\n" not in unpacked.err] == []
    assert unpacked.err.count("write ") == len(LINES)


def test_every_command_runs_on_the_old_state(ran: Ran) -> None:
    assert ran.out.endswith("[0, 0, 0, 0, 0, 0, 0, 0]\n"), ran.err
    assert "failures" in (ran.folder / "page.html").read_text()
    assert [finding["error"] for finding in read(ran, "check")["findings"]] == [None] * 5
    status = read(ran, "status")
    assert [(model["version"], model["aliases"]) for model in status["models"]] == [("1", ["challenger", "champion"])]
    assert status["scores"]["model_version"] == "1"
    assert sum(status["decisions"]["actions"].values()) == 39


def log_odds(probability: float) -> float:
    return math.log(probability / (1 - probability))


def test_the_old_model_gives_the_scores_that_it_gave_but_for_the_fleets_rate(ran: Ran) -> None:
    """The rate before the first failures has less weight in the fleet's rate now: the odds of all nodes are shifted."""
    assert manifest(ran, 3)["horizons_days"] == [1.0, 3.0, 7.0]
    before, now = read(ran, "score"), read(ran, "scored")
    assert now["horizon_hours"] == 24 * before["horizon_days"]
    same = ("as_of", "model_version", "support", "nodes", "unknown", "out")
    assert {key: now[key] for key in same} == {key: before[key] for key in same}
    same_of_node = ("node", "support", "data_age_hours", "reasons", "likely_cause")
    shifts = []
    for score, was in zip(now["scores"], before["scores"], strict=True):
        assert {key: score[key] for key in same_of_node} == {key: was[key] for key in same_of_node}
        assert list(score["probabilities"]) == list(was["probabilities"]) == ["1d", "3d", "7d"]
        if score["probability"] is not None:
            shifts.append(
                [
                    log_odds(score["probabilities"][key]) - log_odds(was["probabilities"][key])
                    for key in was["probabilities"]
                ]
            )
    of_first_horizon = [first for first, *_ in shifts]
    assert len(shifts) == before["nodes"] > 20
    assert of_first_horizon == pytest.approx([of_first_horizon[0]] * len(shifts))
    assert all(0.04 < shift < 0.05 for of_node in shifts for shift in of_node)


def test_decisions_on_scores_that_were_published_before_are_the_same(ran: Ran) -> None:
    before, now = read(ran, "decide"), read(ran, "decided")
    assert len([*before["drains"], *before["held_back"]]) > 0
    same = ("as_of", "model_version", "fleet", "out", "threshold", "drains", "held_back", "left", "unknown")
    assert {key: now[key] for key in same} == {key: before[key] for key in same}


def test_scores_that_were_published_before_are_explained(ran: Ran) -> None:
    reasons = {score["node"]: [reason["text"] for reason in score["reasons"]] for score in read(ran, "score")["scores"]}
    riskiest = read(ran, "explained")[0]
    assert riskiest["horizon_hours"] == 168
    texts = [row["text"] for row in read(ran, "explained") if row["node"] == riskiest["node"]]
    assert texts == reasons[riskiest["node"]] != []


def test_a_model_that_is_trained_anew_forecasts_the_same_horizons(ran: Ran) -> None:
    assert manifest(ran, FORMAT)["horizons_hours"] == [24.0, 72.0, 168.0]
    report = read(ran, "by_new_model")
    assert report["model_version"] == "2"
    assert list(report["scores"][0]["probabilities"]) == ["1d", "3d", "7d"]
