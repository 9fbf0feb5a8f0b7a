"""What a flow tries again: faults of the surroundings that may pass, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from data.errors import DiskFullError, NodewardError, SurroundingsError
from pipelines.outcome import understood

if TYPE_CHECKING:
    from prefect import Task
    from prefect.client.schemas.objects import State, TaskRun

RETRIES: Final = 2
DELAYS_SECONDS: Final = [2.0, 15.0]


def may_pass(error: BaseException) -> bool:
    """Say whether trying again is worth it: a server may come back, a full disk stays full."""
    known: NodewardError | None = understood(error)
    return isinstance(known, SurroundingsError) and not isinstance(known, DiskFullError)


def is_worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Judge a failed task's state, as Prefect's retry condition."""
    try:
        state.result()
    except Exception as error:  # noqa: BLE001 - asked only whether to try again; Prefect raises it afterwards
        return may_pass(error)
    return False
