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
told = {}
set_defaults(Path("var/prefect"), verbose=False)
from prefect.testing.utilities import prefect_test_harness  # reads the variables just set

with prefect_test_harness(server_startup_timeout=120):
    from prefect.artifacts import Artifact
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.flow_engine import run_flow
    from prefect.states import Scheduled
    from data.errors import SettingsError
    from pipelines.flows import deploy, flows
    from pipelines.operations import ingest
    from pipelines.settings.load import load

    client = get_client(sync_client=True).__enter__()

    def register(*overrides):
        return deploy.deploy(load(CONFIG, overrides), CONFIG, overrides)

    def known():
        found = [one for one in client.read_deployments() if "nodeward" in one.tags]
        return sorted((one.model_dump(mode="json") for one in found), key=lambda one: one["entrypoint"])

    def run_once(hours_late, tags=(), **parameters):
        due = datetime.now(UTC) - timedelta(hours=hours_late)
        flow_run = client.create_flow_run_from_deployment(
            deployment, state=Scheduled(scheduled_time=due), tags=list(tags), parameters=parameters
        )
        run_flow(flows.ingest, flow_run=flow_run, parameters=flow_run.parameters, return_type="state")
        state = client.read_flow_run(flow_run.id).state
        artifact = Artifact.get("ingest")
        return [state.name, state.message or "", artifact.description, artifact.data]

    register()
    told["first"] = known()
    told["report"] = [(one.name, one.cron, one.is_paused) for one in register("clock.now=data").deployments]
    told["second"] = known()
    client.pause_deployment(told["second"][1]["id"])
    told["paused"] = {one.name: one.is_paused for one in register("schedule.score=").deployments}
    told["third"] = known()
    deployment = client.read_deployment_by_name("ingest/fleet").id
    told["late"] = run_once(5)
    told["duplicate"] = run_once(0)
    told["again"] = run_once(0, ["again"])
    told["failed"] = run_once(0, ["again"], overrides=["source.path=gone"])

    def break_down(*_):
        raise KeyError("a bug")

    merge, ingest.merging.ingest = ingest.merging.ingest, break_down
    told["bug"] = run_once(0, ["again"])
    ingest.merging.ingest = merge
    client.create_work_pool(WorkPoolCreate(name="other", type="kubernetes"))
    for name, override in (("pool", "schedule.pool=other"), ("fleet", "fleet.name=a/b")):
        try:
            register(override)
        except SettingsError as error:
            told[name] = error.what
    told["removed"] = [deploy.remove(load(CONFIG)), deploy.remove(load(CONFIG)), known()]
Path("told.json").write_text(json.dumps(told))
"""


@dataclass(frozen=True, slots=True)
class Told:
    folder: Path
    facts: dict[str, Any]

    def of(self, name: str, flow: str) -> dict[str, Any]:
        """What the server knew of one flow's deployment."""
        (found,) = (one for one in self.facts[name] if one["entrypoint"] == f"pipelines.flows.flows.{flow}")
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("deploy")
    (folder / "nodeward.toml").write_text(template())
    write_records(folder / "records")
    process = run(folder, "-c", SCRIPT)
    assert process.returncode == 0, process.stderr
    return Told(folder, json.loads((folder / "told.json").read_text()))


def test_each_flow_is_registered_on_its_schedule_in_utc(told: Told) -> None:
    assert told.facts["report"] == [
        ["ingest/fleet", "0 * * * *", False],
        ["train/fleet", "30 3 * * 1", False],
        ["score/fleet", "10 * * * *", False],
        ["decide/fleet", "20 * * * *", False],
        ["report/fleet", "0 6 * * *", False],
        ["maintain/fleet", "40 2 * * *", False],
    ]
    (schedule,) = told.of("first", "score")["schedules"]
    assert schedule["schedule"] == {"cron": "10 * * * *", "timezone": "UTC", "day_or": True}


def test_a_run_reads_the_settings_by_their_whole_path_and_works_where_they_were_deployed(told: Told) -> None:
    found = told.of("second", "train")
    assert found["parameters"] == {"config": str(told.folder / "nodeward.toml"), "overrides": ["clock.now=data"]}
    assert found["job_variables"]["working_dir"] == str(told.folder)
    assert found["path"] is None
    assert found["work_pool_name"] == "nodeward"


def test_one_run_at_a_time_and_what_comes_meanwhile_is_not_queued(told: Told) -> None:
    found = told.of("first", "train")
    assert found["global_concurrency_limit"]["limit"] == 1
    assert found["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"


def test_registering_again_updates_in_place_and_keeps_a_pause(told: Told) -> None:
    first, second, third = ([one["id"] for one in told.facts[name]] for name in ("first", "second", "third"))
    assert len(first) == len(FLOWS)
    assert first == second == third
    assert told.of("third", "score")["schedules"] == []
    assert told.facts["paused"] == {f"{name}/fleet": name == "ingest" for name in FLOWS}


def test_a_late_run_does_the_window_that_is_open_now(told: Told) -> None:
    state, _, description, text = told.facts["late"]
    assert (state, description) == ("Completed", "What the last ingest did")
    assert "| telemetry | 30 | 0 | 0 |" in text


def test_a_second_run_of_a_window_does_nothing_and_says_so(told: Told) -> None:
    state, message, _, text = told.facts["duplicate"]
    assert state == "Skipped"
    assert "is done: run 'ingest " in message
    assert text == f"# Ingest: skipped\n\n{message}"


def test_a_tag_has_a_window_done_again(told: Told) -> None:
    assert told.facts["again"][0] == "Completed"
    assert "| telemetry | 0 | 0 | 30 |" in told.facts["again"][3]


def test_a_failed_run_says_why_in_its_state_and_its_artifact(told: Told) -> None:
    state, message, description, text = told.facts["failed"]
    assert (state, description) == ("Failed", "Why it failed")
    assert "gone: no such folder" in message
    assert "gone: no such folder" in text
    assert "→ " in text
    assert "Exit code 3." in text


def test_a_bug_leaves_its_traceback(told: Told) -> None:
    state, _, _, text = told.facts["bug"]
    assert state == "Failed"
    assert "This is a bug in Nodeward: KeyError: 'a bug'" in text
    assert "in break_down" in text


def test_a_pool_of_another_type_and_a_name_that_prefect_refuses_are_named(told: Told) -> None:
    assert told.facts["pool"] == "schedule.pool = \"other\": is a work pool of type 'kubernetes', expected 'process'"
    assert told.facts["fleet"].startswith('fleet.name = "a/b"')


def test_removing_leaves_nothing_and_once_more_changes_nothing(told: Told) -> None:
    assert told.facts["removed"] == [[f"{name}/fleet" for name in FLOWS], [], []]


def test_without_a_server_to_deploy_to_the_command_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "nodeward.toml").write_text(template())
    process = run(tmp_path, "-m", "pipelines.main", "deploy")
    assert process.returncode == 2
    assert process.stderr.startswith("error: PREFECT_API_URL is not set")
    assert "Traceback" not in process.stderr
