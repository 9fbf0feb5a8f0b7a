"""Ends each run of a flow with an artifact: its report, why it was skipped, or why it failed."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar, cast

import httpx
from prefect.artifacts import create_markdown_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.sorting import FlowRunSort
from prefect.context import FlowRunContext
from prefect.states import Completed

from pipelines.flows.schedule_window import window_start
from pipelines.output.command_errors import BUG, as_nodeward_error
from pipelines.settings.load import load
from pipelines.wiring import wiring

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from uuid import UUID

    from prefect.client.schemas.objects import FlowRun, State

    from pipelines.settings.schema import Settings

P = ParamSpec("P")
R = TypeVar("R")

RUN_AGAIN: Final = "again"  # the tag of a run that must do its work even if its window is done
SKIPPED: Final = "Skipped"
_COMPLETED: Final = "Completed"


def always_due(_settings: Settings) -> str:
    """Return no reason to skip a run."""
    return ""


def recorded(
    name: str,
    to_markdown: Callable[[R], str],
    description: str,
    why_skip: Callable[[Settings], str] = always_due,
) -> Callable[[Callable[Concatenate[str, list[str], P], R]], Callable[Concatenate[str, list[str], P], R]]:
    """Return a decorator that records an artifact for each run of a flow: its report, or why it skipped or failed.

    A run of a deployment does its work once in each window of its schedule, as of now. `why_skip` returns a reason
    why there is nothing to do; it is called only for runs of a deployment: a person who calls a flow wants it to run.
    """

    def decorate(work: Callable[Concatenate[str, list[str], P], R]) -> Callable[Concatenate[str, list[str], P], R]:
        @wraps(work)
        def run(config: str, overrides: list[str], /, *args: P.args, **kwargs: P.kwargs) -> R:
            with _FailureRecorded(name):
                reason = _reason_to_skip(load(Path(config), overrides), name, why_skip)
                if reason:
                    return cast("R", _skip(name, reason))
                report = work(config, overrides, *args, **kwargs)
                if current_run() is not None:
                    create_markdown_artifact(to_markdown(report), key=name, description=description)
                return report

        vars(run)["__signature__"] = signature(work, eval_str=True)  # Prefect can't resolve names of the work's module
        return run

    return decorate


def current_run() -> FlowRun | None:
    """Return the flow run in which this is called, if Prefect records one."""
    context = FlowRunContext.get()
    return None if context is None else context.flow_run


def _reason_to_skip(settings: Settings, name: str, why_skip: Callable[[Settings], str]) -> str:
    """Return why a deployment's run has nothing to do; empty if it has, for other runs, and for tagged ones."""
    run = current_run()
    if run is None or run.deployment_id is None or RUN_AGAIN in run.tags:
        return ""
    cron: str = getattr(settings.schedule, name)
    return (cron and _why_window_is_done(run, run.deployment_id, cron)) or why_skip(settings)


def _why_window_is_done(run: FlowRun, deployment: UUID, cron: str) -> str:
    """Return a sentence that names the completed run of the open window; empty if there is none.

    Work is done as of now, so the window is the one that is open now, however late the run is. With a clock that
    lags behind the server's, it is still not the previous window.
    """
    start = window_start(cron, began_at(run, wiring.wall_clock()))
    last = _last_completed(deployment)
    if last is None or began_at(last) < start:
        return ""
    late = f"this run was due at {run.expected_start_time:%Y-%m-%d %H:%M} UTC" if run.expected_start_time else ""
    return (
        f"the window from {start:%Y-%m-%d %H:%M} UTC is done: "
        f"run {last.name!r} began at {began_at(last):%H:%M:%S} UTC; {late} (to run once more, tag a run {RUN_AGAIN!r})"
    )


def began_at(run: FlowRun, otherwise: datetime | None = None) -> datetime:
    """Return when a run began, but not before it was due."""
    times = [time for time in (run.start_time, run.expected_start_time, otherwise) if time is not None]
    return max(times)


def _last_completed(deployment: UUID) -> FlowRun | None:
    """Return the last run of a deployment that did its work, or None."""
    completed = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
        state=FlowRunFilterState(name=FlowRunFilterStateName(any_=[_COMPLETED])),
    )
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(flow_run_filter=completed, sort=FlowRunSort.END_TIME_DESC, limit=1)
    return runs[0] if runs else None


def _skip(name: str, reason: str) -> State[None]:
    """Record the reason as an artifact, and return it as the run's final state."""
    text = f"# {name.capitalize()}: skipped\n\n{reason}"
    create_markdown_artifact(text, key=name, description="Why it did nothing")
    return Completed(name=SKIPPED, message=reason)


@dataclass(frozen=True, slots=True)
class _FailureRecorded:
    """Records the reason of a failure as an artifact; the error itself is always raised on."""

    name: str

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Record a failure, unless Prefect's server does not answer: then no artifact can be stored."""
        if not isinstance(error, Exception) or isinstance(error, httpx.TransportError) or current_run() is None:
            return
        try:
            create_markdown_artifact(failure_markdown(self.name, error), key=self.name, description="Why it failed")
        except (httpx.HTTPError, RuntimeError) as unsent:
            error.add_note(f"Prefect's server did not accept the artifact: {unsent}")


def failure_markdown(name: str, error: BaseException) -> str:
    """Return what went wrong, how to fix it, and the exit code of the command line, as markdown."""
    nodeward_error = as_nodeward_error(error)
    if nodeward_error is not None:
        lines = [nodeward_error.what, f"→ {nodeward_error.fix}"]
    else:
        bug = f"This is a bug in Nodeward: {type(error).__name__}: {error}"
        lines = [bug, "".join(traceback.format_exception(error)).rstrip()]
    code = BUG if nodeward_error is None else nodeward_error.exit_code
    return "\n".join([f"# {name.capitalize()}: failed", "", "````text", *lines, "````", "", f"Exit code {code}."])
