"""Steps of flows, retried only after a fault of the infrastructure that may pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE

from data.errors import DiskFullError, InfrastructureError
from pipelines.output.exit_codes import as_nodeward_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.client.schemas.objects import State, TaskRun

P = ParamSpec("P")
R = TypeVar("R")

RETRIES: Final = 2
DELAYS_SECONDS: Final = [2.0, 15.0]


def step(name: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Return a decorator that makes a function a step of a flow; its result stays in memory."""
    return task(
        name=name,
        task_run_name=name,
        retries=RETRIES,
        retry_delay_seconds=DELAYS_SECONDS,
        retry_condition_fn=is_worth_retrying,
        cache_policy=NO_CACHE,
        persist_result=False,
    )


def may_pass(error: BaseException) -> bool:
    """Return whether an error may pass by itself: a server may come back, a full disk stays full."""
    known = as_nodeward_error(error)
    return isinstance(known, InfrastructureError) and not isinstance(known, DiskFullError)


def is_worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Return whether a failed step may succeed when it is retried; Prefect's retry condition."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and may_pass(error)
