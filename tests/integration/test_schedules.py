"""Flows run by schedule: a real Prefect server and process worker, and a fleet that is large enough to train on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.prefect_site import await_truth, site
from tests.pipelines.records import write_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.integration.postgresql import Server
    from tests.integration.prefect_site import Site

FLOWS = ("ingest", "train", "score", "decide", "report_flow", "maintain")
HOUR = timedelta(hours=1)
OVERRIDES = ("--set", "clock.now=data", "--set", "schedule.decide=* * * * *")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, and what it left."""

    name: str
    message: str
    artifact: str

    @classmethod
    def of(cls, found: Site, run: dict[str, Any]) -> Ended:
        return cls(run["state"]["name"], run["state"]["message"] or "", found.artifact(run))


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that the one story below came to."""

    first: dict[str, dict[str, Any]]
    second: dict[str, dict[str, Any]]
    removed: dict[str, dict[str, Any]]
    backlog: list[Ended]
    once: dict[str, Ended]
    beside: dict[str, Ended]
    twice: dict[str, Ended]
    broken: Ended
    restarted: Ended
    after: Ended
    by_cron: list[Ended]
    logs: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, postgresql: Server) -> Told:
    """Deploy twice, let a backlog meet a worker, run each flow twice, break one, and restart the server under one."""
    folder: Path = tmp_path_factory.mktemp("schedules")
    write_folder(folder)
    with site(folder, postgresql.create()) as found:
        found.command("deploy", *OVERRIDES)
        first = found.deployments()
        found.command("deploy", *OVERRIDES)
        second = found.deployments()
        late = [found.schedule("ingest", hours * HOUR) for hours in (5, 4, 3, 2, 1)]
        found.start_worker("nodeward")
        backlog = [Ended.of(found, run) for run in found.await_end(*late)]
        once = {flow: _run(found, flow) for flow in ("train", "score")}
        beside = _run_beside(found, ("report_flow", "maintain"))
        twice = {flow: _run(found, flow) for flow in ("ingest", "train", "score")}
        broken = _run(found, "ingest", tags=["again"], parameters={"overrides": ["source.path=gone"]})
        restarted = _restart_under(found, found.schedule("train", tags=["again"]))
        after = _run(found, "score", tags=["again"])
        by_cron = _by_cron(found)
        found.command("deploy", "--remove", *OVERRIDES)
        removed, logs = found.deployments(), found.logs()
    return Told(first, second, removed, backlog, once, beside, twice, broken, restarted, after, by_cron, logs)


def _run(found: Site, flow: str, **extra: object) -> Ended:
    (ended,) = found.await_end(found.schedule(flow, **extra))  # type: ignore[arg-type]  # extra holds no delay
    return Ended.of(found, ended)


def _run_beside(found: Site, flows: Sequence[str]) -> dict[str, Ended]:
    """Run flows at the same time."""
    runs = {found.schedule(flow): flow for flow in flows}
    return {runs[run["id"]]: Ended.of(found, run) for run in found.await_end(*runs)}


def _restart_under(found: Site, run: str) -> Ended:
    """Kill the server while a run is on, and start it again."""
    found.await_state(run, "Running")
    found.kill("server")
    found.start_server()
    (ended,) = found.await_end(run)
    return Ended.of(found, ended)


def _by_cron(found: Site) -> list[Ended]:
    """Wait until a run that the server's own scheduler made has done its work."""
    wanted = {"flow_runs": {"deployment_id": {"any_": [found.deployments()["decide"]["id"]]}}}

    def ended() -> list[Ended]:
        runs = [run for run in found.ask("/flow_runs/filter", wanted) if run["auto_scheduled"]]
        return [Ended.of(found, run) for run in runs if run["state"]["name"] == "Completed"]

    await_truth(lambda: bool(ended()), "a run of the schedule completes")
    return ended()


def test_deploying_twice_leaves_one_deployment_a_flow(told: Told) -> None:
    assert set(told.first) == set(told.second) == set(FLOWS)
    assert {one["id"] for one in told.first.values()} == {one["id"] for one in told.second.values()}


def test_of_a_backlog_one_run_works_and_the_others_end_without(told: Told) -> None:
    names = [ended.name for ended in told.backlog]
    assert names.count("Completed") == 1, told.logs
    assert set(names) <= {"Completed", "Skipped", "Cancelled"}, told.logs
    for ended in told.backlog:
        assert ended.name != "Skipped" or ended.artifact == f"# Ingest: skipped\n\n{ended.message}"
        assert ended.name != "Cancelled" or ended.message == "Deployment concurrency limit reached."


def test_the_run_of_a_backlog_that_works_brings_the_records_in(told: Told) -> None:
    (done,) = (ended for ended in told.backlog if ended.name == "Completed")
    assert "| nodes | 40 | 0 | 0 |" in done.artifact


@pytest.mark.parametrize("flow", ["train", "score"])
def test_a_worker_elsewhere_runs_each_flow_in_the_folder_that_it_was_deployed_from(told: Told, flow: str) -> None:
    ended = told.once[flow]
    assert ended.name == "Completed", (ended, told.logs)
    assert ended.artifact.startswith({"train": "# Train", "score": "# Scores"}[flow])


def test_report_and_upkeep_run_by_their_deployments_too(told: Told) -> None:
    assert {flow: ended.name for flow, ended in told.beside.items()} == dict.fromkeys(told.beside, "Completed"), (
        told.logs
    )
    assert told.beside["report_flow"].artifact.startswith("# Report on made up")
    assert told.beside["maintain"].artifact


@pytest.mark.parametrize("flow", ["ingest", "train", "score"])
def test_a_second_run_of_a_window_changes_nothing_and_says_so(told: Told, flow: str) -> None:
    ended = told.twice[flow]
    assert ended.name == "Skipped", (ended, told.logs)
    assert "is done: run " in ended.message
    assert ended.artifact == f"# {flow.capitalize()}: skipped\n\n{ended.message}"


def test_a_failed_run_says_why_and_how_to_fix_it(told: Told) -> None:
    assert told.broken.name == "Failed"
    assert "gone: no such folder" in told.broken.message
    assert told.broken.artifact.startswith("# Ingest: failed")
    assert "gone: no such folder" in told.broken.artifact
    assert "Exit code 3." in told.broken.artifact


def test_a_run_outlives_a_restart_of_the_server(told: Told) -> None:
    assert told.restarted.name == "Completed", (told.restarted, told.logs)
    assert told.after.name == "Completed", (told.after, told.logs)


def test_the_servers_own_schedule_runs_a_flow(told: Told) -> None:
    assert told.by_cron[0].artifact.startswith("# Decisions (dry run)")


def test_removing_leaves_no_deployment(told: Told) -> None:
    assert told.removed == {}
