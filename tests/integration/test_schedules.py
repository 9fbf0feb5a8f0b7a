"""Flows run by schedule: a real Prefect server and process worker, and a fleet that is large enough to train on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.prefect_site import site, wait_until
from tests.pipelines.records import write_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.integration.postgresql import Server
    from tests.integration.prefect_site import PrefectSite

FLOWS = ("ingest", "train", "score", "decide", "report", "maintain")
HOUR = timedelta(hours=1)
OVERRIDES = ("--set", "clock.now=data", "--set", "schedule.decide=* * * * *")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, with its message and artifact."""

    name: str
    message: str
    artifact: str

    @classmethod
    def of(cls, running: PrefectSite, run: dict[str, Any]) -> Ended:
        return cls(run["state"]["name"], run["state"]["message"] or "", running.artifact(run))


@dataclass(frozen=True, slots=True)
class RunOutcomes:
    """The outcomes of all runs of the fixture below."""

    first: dict[str, dict[str, Any]]
    second: dict[str, dict[str, Any]]
    removed: dict[str, dict[str, Any]]
    backlog: list[Ended]
    once: dict[str, Ended]
    parallel: dict[str, Ended]
    twice: dict[str, Ended]
    broken: Ended
    restarted: Ended
    after: Ended
    by_cron: list[Ended]
    logs: str


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, postgresql: Server) -> RunOutcomes:
    """Deploy twice, run a backlog, run each flow twice, let one fail, and restart the server during one."""
    folder: Path = tmp_path_factory.mktemp("schedules")
    write_folder(folder)
    with site(folder, postgresql.create()) as running:
        running.command("deploy", *OVERRIDES)
        first = running.deployments()
        running.command("deploy", *OVERRIDES)
        second = running.deployments()
        late = [running.schedule("ingest", hours * HOUR) for hours in (5, 4, 3, 2, 1)]
        running.start_worker("nodeward")
        backlog = [Ended.of(running, run) for run in running.await_end(*late)]
        once = {flow: _run(running, flow) for flow in ("train", "score")}
        parallel = _run_parallel(running, ("report", "maintain"))
        twice = {flow: _run(running, flow) for flow in ("ingest", "train", "score")}
        broken = _run(running, "ingest", tags=["again"], parameters={"overrides": ["source.path=gone"]})
        restarted = _restart_under(running, running.schedule("train", tags=["again"]))
        after = _run(running, "score", tags=["again"])
        by_cron = _by_cron(running)
        running.command("deploy", "--remove", *OVERRIDES)
        removed, logs = running.deployments(), running.logs()
    return RunOutcomes(first, second, removed, backlog, once, parallel, twice, broken, restarted, after, by_cron, logs)


def _run(running: PrefectSite, flow: str, **extra: object) -> Ended:
    (ended,) = running.await_end(running.schedule(flow, **extra))  # type: ignore[arg-type]  # extra has no delay
    return Ended.of(running, ended)


def _run_parallel(running: PrefectSite, flows: Sequence[str]) -> dict[str, Ended]:
    """Run flows at the same time."""
    runs = {running.schedule(flow): flow for flow in flows}
    return {runs[run["id"]]: Ended.of(running, run) for run in running.await_end(*runs)}


def _restart_under(running: PrefectSite, run: str) -> Ended:
    """Kill the server during a run, and start it again."""
    running.await_state(run, "Running")
    running.kill("server")
    running.start_server()
    (ended,) = running.await_end(run)
    return Ended.of(running, ended)


def _by_cron(running: PrefectSite) -> list[Ended]:
    """Wait until a run that the server's scheduler created has completed."""
    query = {"flow_runs": {"deployment_id": {"any_": [running.deployments()["decide"]["id"]]}}}

    def ended() -> list[Ended]:
        runs = [run for run in running.post("/flow_runs/filter", query) if run["auto_scheduled"]]
        return [Ended.of(running, run) for run in runs if run["state"]["name"] == "Completed"]

    wait_until(lambda: bool(ended()), "a run of the schedule completes")
    return ended()


def test_deploying_twice_leaves_one_deployment_for_each_flow(outcomes: RunOutcomes) -> None:
    assert set(outcomes.first) == set(outcomes.second) == set(FLOWS)
    first, second = ({each["id"] for each in runs.values()} for runs in (outcomes.first, outcomes.second))
    assert first == second


def test_one_run_of_a_backlog_works_and_the_others_are_skipped_or_cancelled(outcomes: RunOutcomes) -> None:
    names = [ended.name for ended in outcomes.backlog]
    assert len(names) == 5
    assert names.count("Completed") == 1, outcomes.logs
    assert set(names) <= {"Completed", "Skipped", "Cancelled"}, outcomes.logs
    for ended in outcomes.backlog:
        assert ended.name != "Skipped" or ended.artifact == f"# Ingest: skipped\n\n{ended.message}"
        assert ended.name != "Cancelled" or ended.message == "Deployment concurrency limit reached."


def test_the_working_run_of_a_backlog_ingests_the_records(outcomes: RunOutcomes) -> None:
    (done,) = (ended for ended in outcomes.backlog if ended.name == "Completed")
    assert "| nodes | 40 | 0 | 0 |" in done.artifact


@pytest.mark.parametrize("flow", ["train", "score"])
def test_a_worker_in_another_folder_runs_each_flow_in_the_folder_of_its_deployment(
    outcomes: RunOutcomes, flow: str
) -> None:
    ended = outcomes.once[flow]
    assert ended.name == "Completed", (ended, outcomes.logs)
    assert ended.artifact.startswith({"train": "# Train", "score": "# Scores"}[flow])


def test_report_and_maintenance_run_by_their_deployments(outcomes: RunOutcomes) -> None:
    assert {flow: ended.name for flow, ended in outcomes.parallel.items()} == dict.fromkeys(
        outcomes.parallel, "Completed"
    ), outcomes.logs
    assert outcomes.parallel["report"].artifact.startswith("# Report on made up")
    assert outcomes.parallel["maintain"].artifact


@pytest.mark.parametrize("flow", ["ingest", "train", "score"])
def test_a_second_run_of_a_window_is_skipped_with_the_reason(outcomes: RunOutcomes, flow: str) -> None:
    ended = outcomes.twice[flow]
    assert ended.name == "Skipped", (ended, outcomes.logs)
    assert "is done: run " in ended.message
    assert ended.artifact == f"# {flow.capitalize()}: skipped\n\n{ended.message}"


def test_a_failed_run_reports_why_and_how_to_fix_it(outcomes: RunOutcomes) -> None:
    assert outcomes.broken.name == "Failed"
    assert "gone: no such folder" in outcomes.broken.message
    assert outcomes.broken.artifact.startswith("# Ingest: failed")
    assert "gone: no such folder" in outcomes.broken.artifact
    assert "Exit code 3." in outcomes.broken.artifact


def test_a_run_continues_after_a_restart_of_the_server(outcomes: RunOutcomes) -> None:
    assert outcomes.restarted.name == "Completed", (outcomes.restarted, outcomes.logs)
    assert outcomes.after.name == "Completed", (outcomes.after, outcomes.logs)


def test_the_schedule_of_the_server_runs_a_flow(outcomes: RunOutcomes) -> None:
    assert outcomes.by_cron[0].artifact.startswith("# Decisions (dry run)")


def test_removing_leaves_no_deployment(outcomes: RunOutcomes) -> None:
    assert outcomes.removed == {}
