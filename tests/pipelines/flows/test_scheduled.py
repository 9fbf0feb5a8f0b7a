"""Commands where PREFECT_API_URL names a server: each runs as a flow, recorded there, with an artifact."""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from tests.pipelines.operations.test_ingest import run
from tests.pipelines.records import write_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SCRIPT = """
import json, os
from pathlib import Path
from pipelines.flows.server import set_defaults

set_defaults(Path("var/prefect"), verbose=False)
from prefect.testing.utilities import prefect_test_harness  # reads the variables just set

with prefect_test_harness(server_startup_timeout=120):
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL
    from pipelines.main import main

    os.environ["PREFECT_API_URL"] = PREFECT_API_URL.value()
    source = ["--set", "clock.now=data"]
    codes = [
        main(["ingest"]),
        main(["train", *source]),
        main(["score", *source, "--json", "score.json"]),
        main(["decide", *source, "--set", "policy.horizon=7d"]),
        main(["maintain", *source]),
        main(["ingest", "--set", "source.path=gone"]),
    ]
    client = get_client(sync_client=True).__enter__()
    runs = sorted((run.created, run.name, run.state.name) for run in client.read_flow_runs())
    counts = [run.run_count for run in client.read_task_runs()]
    artifacts = client.request("POST", "/artifacts/filter").json()
Path("records.json").write_text(json.dumps({
    "codes": codes,
    "runs": [run[1:] for run in runs],
    "counts": counts,
    "artifacts": [(artifact["key"], artifact["data"]) for artifact in artifacts if artifact["key"]],
}))
"""
NAMES = ("ingest", "train", "score", "decide", "maintain")


@dataclass(frozen=True, slots=True)
class Recorded:
    folder: Path
    records: dict[str, Any]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    folder = tmp_path_factory.mktemp("flows")
    write_folder(folder)
    process = run(folder, "-c", SCRIPT)
    assert process.returncode == 0, process.stderr
    return Recorded(folder, json.loads((folder / "records.json").read_text()))


def test_each_command_is_a_run_of_its_flow(recorded: Recorded) -> None:
    assert recorded.records["codes"] == [0, 0, 0, 0, 0, 3]
    assert recorded.records["runs"] == [
        ["ingest nodeward.toml", "Completed"],
        ["train nodeward.toml", "Completed"],
        ["score nodeward.toml by champion", "Completed"],
        ["decide nodeward.toml", "Completed"],
        ["maintain nodeward.toml", "Completed"],
        ["ingest nodeward.toml", "Failed"],
    ]


def test_each_run_leaves_an_artifact_its_report_or_why_it_failed(recorded: Recorded) -> None:
    texts: dict[str, list[str]] = {}
    for key, text in recorded.records["artifacts"]:
        texts.setdefault(key, []).append(text)
    assert {key: len(of_key) for key, of_key in texts.items()} == {name: 2 if name == "ingest" else 1 for name in NAMES}
    assert any("| telemetry |" in text for text in texts["ingest"])
    assert any("gone: no such folder" in text for text in texts["ingest"])


def test_bad_data_is_not_retried(recorded: Recorded) -> None:
    assert set(recorded.records["counts"]) == {1}


def test_prefect_keeps_to_the_state_folder_and_pickles_nothing(recorded: Recorded) -> None:
    assert not (recorded.folder / ".prefect").exists()
    stored = list((recorded.folder / "var" / "prefect" / "storage").iterdir())
    assert stored
    for file in stored:
        assert json.loads(file.read_text())["__exc_type__"].startswith("data.errors.")


def test_the_command_shows_what_the_flow_returned(recorded: Recorded) -> None:
    assert json.loads((recorded.folder / "score.json").read_text())["nodes"] > 0


@pytest.mark.parametrize("name", [*NAMES, "report"])
def test_a_flow_has_the_parameters_of_its_operation(name: str) -> None:
    flow = getattr(import_module("pipelines.flows.scheduled"), name)
    operation = getattr(import_module(f"pipelines.operations.{name}"), name)
    of_operation = parameters(operation)
    of_flow = parameters(flow.fn)
    assert list(of_flow)[:2] == ["config", "overrides"]
    assert dict(list(of_flow.items())[2:]) == dict(list(of_operation.items())[1:])


def parameters(function: Callable[..., object]) -> dict[str, tuple[object, object]]:
    signature = inspect.signature(function)
    return {name: (parameter.kind, parameter.default) for name, parameter in signature.parameters.items()}
