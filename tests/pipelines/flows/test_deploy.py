"""Deployments and their runs on Prefect's own test server; workers are in tests/integration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pipelines.settings.template import template
from tests.pipelines.made_up import write_records
from tests.pipelines.operations.test_ingest import run

if TYPE_CHECKING:
    from pathlib import Path

FLOWS = ("ingest", "train", "score", "decide", "report", "maintain")
SCRIPT = """
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pipelines.flows.server import set_defaults

CONFIG = Path("nodeward.toml")
facts = {}
set_defaults(Path("var/prefect"), verbose=False)
from prefect.testing.utilities import prefect_test_harness  # reads the variables just set

with prefect_test_harness(server_startup_timeout=120):
    from prefect.artifacts import Artifact
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.flow_engine import run_flow
    from prefect.states import Scheduled
    from data.errors import SettingsError
    from pipelines.flows import deploy, scheduled
    from pipelines.operations import ingest
    from pipelines.settings.load import load

    client = get_client(sync_client=True).__enter__()

    def register(*overrides):
        return deploy.deploy(load(CONFIG, overrides), CONFIG, overrides)

    def known():
        deployments = [deployment for deployment in client.read_deployments() if "nodeward" in deployment.tags]
        dumps = [deployment.model_dump(mode="json") for deployment in deployments]
        return sorted(dumps, key=lambda dump: dump["entrypoint"])

    def run_once(hours_late, tags=(), **parameters):
        due = datetime.now(UTC) - timedelta(hours=hours_late)
        flow_run = client.create_flow_run_from_deployment(
            deployment, state=Scheduled(scheduled_time=due), tags=list(tags), parameters=parameters
        )
        run_flow(scheduled.ingest, flow_run=flow_run, parameters=flow_run.parameters, return_type="state")
        state = client.read_flow_run(flow_run.id).state
        artifact = Artifact.get("ingest")
        return [state.name, state.message or "", artifact.description, artifact.data]

    register()
    facts["first"] = known()
    deployments = register("clock.now=data").deployments
    facts["report"] = [(deployment.name, deployment.cron, deployment.is_paused) for deployment in deployments]
    facts["second"] = known()
    client.pause_deployment(facts["second"][1]["id"])
    deployments = register("schedule.score=").deployments
    facts["paused"] = {deployment.name: deployment.is_paused for deployment in deployments}
    facts["third"] = known()
    deployment = client.read_deployment_by_name("ingest/fleet").id
    facts["late"] = run_once(5)
    facts["duplicate"] = run_once(0)
    facts["again"] = run_once(0, ["again"])
    facts["failed"] = run_once(0, ["again"], overrides=["source.path=gone"])

    def break_down(*_):
        raise KeyError("a bug")

    merge, ingest.merging.ingest = ingest.merging.ingest, break_down
    facts["bug"] = run_once(0, ["again"])
    ingest.merging.ingest = merge
    client.create_work_pool(WorkPoolCreate(name="other", type="kubernetes"))
    for name, override in (("pool", "schedule.pool=other"), ("fleet", "fleet.name=a/b")):
        try:
            register(override)
        except SettingsError as error:
            facts[name] = error.what
    facts["removed"] = [deploy.remove(load(CONFIG)), deploy.remove(load(CONFIG)), known()]
Path("facts.json").write_text(json.dumps(facts))
"""


@dataclass(frozen=True, slots=True)
class ServerRun:
    """What the script wrote about the server."""

    folder: Path
    facts: dict[str, Any]

    def deployment(self, name: str, flow: str) -> dict[str, Any]:
        """Return the deployment of one flow as the server knew it."""
        entrypoint = f"pipelines.flows.scheduled.{flow}"
        (deployment,) = (dump for dump in self.facts[name] if dump["entrypoint"] == entrypoint)
        assert isinstance(deployment, dict)
        return deployment


@pytest.fixture(scope="module")
def server_run(tmp_path_factory: pytest.TempPathFactory) -> ServerRun:
    folder = tmp_path_factory.mktemp("deploy")
    (folder / "nodeward.toml").write_text(template())
    write_records(folder / "records")
    process = run(folder, "-c", SCRIPT)
    assert process.returncode == 0, process.stderr
    return ServerRun(folder, json.loads((folder / "facts.json").read_text()))


def test_each_flow_is_registered_on_its_schedule_in_utc(server_run: ServerRun) -> None:
    assert server_run.facts["report"] == [
        ["ingest/fleet", "0 * * * *", False],
        ["train/fleet", "30 3 * * 1", False],
        ["score/fleet", "10 * * * *", False],
        ["decide/fleet", "20 * * * *", False],
        ["report/fleet", "0 6 * * *", False],
        ["maintain/fleet", "40 2 * * *", False],
    ]
    (schedule,) = server_run.deployment("first", "score")["schedules"]
    assert schedule["schedule"] == {"cron": "10 * * * *", "timezone": "UTC", "day_or": True}


def test_a_run_reads_the_settings_by_their_absolute_path_and_works_in_the_folder_of_the_deployment(
    server_run: ServerRun,
) -> None:
    deployment = server_run.deployment("second", "train")
    assert deployment["parameters"] == {
        "config": str(server_run.folder / "nodeward.toml"),
        "overrides": ["clock.now=data"],
    }
    assert deployment["job_variables"]["working_dir"] == str(server_run.folder)
    assert deployment["path"] is None
    assert deployment["work_pool_name"] == "nodeward"


def test_runs_do_not_overlap_and_are_not_queued(server_run: ServerRun) -> None:
    deployment = server_run.deployment("first", "train")
    assert deployment["global_concurrency_limit"]["limit"] == 1
    assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"


def test_registering_again_updates_in_place_and_keeps_a_pause(server_run: ServerRun) -> None:
    first, second, third = (
        [deployment["id"] for deployment in server_run.facts[name]] for name in ("first", "second", "third")
    )
    assert len(first) == len(FLOWS)
    assert first == second == third
    assert server_run.deployment("third", "score")["schedules"] == []
    assert server_run.facts["paused"] == {f"{name}/fleet": name == "ingest" for name in FLOWS}


def test_a_late_run_works_for_the_window_that_is_open_now(server_run: ServerRun) -> None:
    state, _, description, text = server_run.facts["late"]
    assert (state, description) == ("Completed", "What the last ingest did")
    assert "| telemetry | 30 | 0 | 0 |" in text


def test_a_second_run_in_a_window_is_skipped_with_a_reason(server_run: ServerRun) -> None:
    state, message, _, text = server_run.facts["duplicate"]
    assert state == "Skipped"
    assert "is done: run 'ingest " in message
    assert text == f"# Ingest: skipped\n\n{message}"


def test_a_tagged_run_works_although_its_window_is_done(server_run: ServerRun) -> None:
    assert server_run.facts["again"][0] == "Completed"
    assert "| telemetry | 0 | 0 | 30 |" in server_run.facts["again"][3]


def test_a_failed_run_has_the_reason_in_its_state_and_its_artifact(server_run: ServerRun) -> None:
    state, message, description, text = server_run.facts["failed"]
    assert (state, description) == ("Failed", "Why it failed")
    assert "gone: no such folder" in message
    assert "gone: no such folder" in text
    assert "→ " in text
    assert "Exit code 3." in text


def test_a_bug_leaves_its_traceback(server_run: ServerRun) -> None:
    state, _, _, text = server_run.facts["bug"]
    assert state == "Failed"
    assert "This is a bug in Nodeward: KeyError: 'a bug'" in text
    assert "in break_down" in text


def test_a_pool_of_another_type_and_a_name_that_prefect_refuses_are_named(server_run: ServerRun) -> None:
    assert (
        server_run.facts["pool"] == "schedule.pool = \"other\": is a work pool of type 'kubernetes', expected 'process'"
    )
    assert server_run.facts["fleet"].startswith('fleet.name = "a/b"')


def test_removing_leaves_no_deployment_and_can_be_repeated(server_run: ServerRun) -> None:
    assert server_run.facts["removed"] == [[f"{name}/fleet" for name in FLOWS], [], []]


def test_without_a_server_to_deploy_to_the_command_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "nodeward.toml").write_text(template())
    process = run(tmp_path, "-m", "pipelines.main", "deploy")
    assert process.returncode == 2
    assert process.stderr.startswith("error: PREFECT_API_URL is not set")
    assert "Traceback" not in process.stderr
