"""How a flow's run ends: with its report, skipped because its window is done, or failed with the reason told."""

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
from pipelines.output.exit_codes import BUG, as_nodeward_error
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

AGAIN: Final = "again"  # the tag of a run that is to be done although its window is
SKIPPED: Final = "Skipped"
_DONE: Final = "Completed"


def never(_settings: Settings) -> str:
    """Find no reason of a flow's own to skip a run."""
    return ""


def recorded(
    name: str, idle: Callable[[Settings], str] = never
) -> Callable[[Callable[Concatenate[str, list[str], P], R]], Callable[Concatenate[str, list[str], P], R]]:
    """Make each run of a flow tell its end in an artifact; one of a deployment works once a window, as of now.

    `idle` gives a reason why there is nothing to do; it too is asked in runs of a deployment only, since who
    calls a flow means it.
    """

    def decorate(work: Callable[Concatenate[str, list[str], P], R]) -> Callable[Concatenate[str, list[str], P], R]:
        @wraps(work)
        def run(config: str, overrides: list[str], /, *args: P.args, **kwargs: P.kwargs) -> R:
            with _Telling(name):
                why = _needless(load(Path(config), overrides), name, idle)
                return cast("R", _skip(name, why)) if why else work(config, overrides, *args, **kwargs)

        vars(run)["__signature__"] = signature(work, eval_str=True)  # Prefect knows no names of the work's module
        return run

    return decorate


def current_run() -> FlowRun | None:
    """Give the run that this is called in, if Prefect records one."""
    context = FlowRunContext.get()
    return None if context is None else context.flow_run


def _needless(settings: Settings, name: str, idle: Callable[[Settings], str]) -> str:
    """Say why a deployment's run has nothing to do; nothing for other runs, and for those that are tagged."""
    this = current_run()
    if this is None or this.deployment_id is None or AGAIN in this.tags:
        return ""
    cron: str = getattr(settings.schedule, name)
    return (cron and _done_before(this, this.deployment_id, cron)) or idle(settings)


def _done_before(this: FlowRun, deployment: UUID, cron: str) -> str:
    """Say which run did the window that is open now.

    Work is done as of now, so the window is that of now, however late the run is; a clock that lags behind
    the server's does not take it back into the window before.
    """
    start = window_start(cron, begun(this, wiring.wall_clock()))
    last = _last_done(deployment)
    if last is None or begun(last) < start:
        return ""
    late = f"this run was due at {this.expected_start_time:%Y-%m-%d %H:%M} UTC" if this.expected_start_time else ""
    return (
        f"the window from {start:%Y-%m-%d %H:%M} UTC is done: run {last.name!r} began at {begun(last):%H:%M:%S} UTC; "
        f"{late} (to run once more, tag a run {AGAIN!r})"
    )


def begun(run: FlowRun, otherwise: datetime | None = None) -> datetime:
    """Tell when a run began, but not before it was due."""
    times = [time for time in (run.start_time, run.expected_start_time, otherwise) if time is not None]
    return max(times)


def _last_done(deployment: UUID) -> FlowRun | None:
    """Find the last run of a deployment that did its work."""
    wanted = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[deployment]),
        state=FlowRunFilterState(name=FlowRunFilterStateName(any_=[_DONE])),
    )
    with get_client(sync_client=True) as client:
        found = client.read_flow_runs(flow_run_filter=wanted, sort=FlowRunSort.END_TIME_DESC, limit=1)
    return found[0] if found else None


def _skip(name: str, why: str) -> State[None]:
    """Leave the reason as an artifact, and end the run with it."""
    create_markdown_artifact(f"# {name.capitalize()}: skipped\n\n{why}", key=name, description="Why it did nothing")
    return Completed(name=SKIPPED, message=why)


@dataclass(frozen=True, slots=True)
class _Telling:
    """Leaves the reason of a failure as an artifact; the failure itself goes on, whatever becomes of that."""

    name: str

    def __enter__(self) -> None:
        """Begin to watch."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Tell of a failure, unless Prefect's server is gone: there is nothing to leave anything on."""
        if not isinstance(error, Exception) or isinstance(error, httpx.TransportError) or current_run() is None:
            return
        try:
            create_markdown_artifact(failure_markdown(self.name, error), key=self.name, description="Why it failed")
        except (httpx.HTTPError, RuntimeError) as unsent:
            error.add_note(f"Prefect's server did not take the artifact: {unsent}")


def failure_markdown(name: str, error: BaseException) -> str:
    """Say what went wrong, how to fix it, and the exit code that the command line gives it."""
    known = as_nodeward_error(error)
    if known is not None:
        told = [known.what, f"→ {known.fix}"]
    else:
        what = f"This is a bug in Nodeward: {type(error).__name__}: {error}"
        told = [what, "".join(traceback.format_exception(error)).rstrip()]
    code = BUG if known is None else known.exit_code
    return "\n".join([f"# {name.capitalize()}: failed", "", "````text", *told, "````", "", f"Exit code {code}."])
