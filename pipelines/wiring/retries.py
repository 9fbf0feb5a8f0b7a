"""Repeats work after a fault that may pass by itself: the same rule for commands and for the steps of flows."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final, TypeVar

from data.errors import DiskFullError, InfrastructureError
from pipelines.output.command_errors import KNOWN_ERRORS, as_nodeward_error

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")

DELAYS_SECONDS: Final = (2.0, 15.0)  # before each retry


def is_transient(error: BaseException) -> bool:
    """Return whether an error may pass by itself: a server may come back, a full disk stays full."""
    nodeward_error = as_nodeward_error(error)
    return isinstance(nodeward_error, InfrastructureError) and not isinstance(nodeward_error, DiskFullError)


def with_retries(work: Callable[[], R], wait: Callable[[float], None] = time.sleep) -> R:
    """Do some work, and again after each of DELAYS_SECONDS while it fails with a transient error."""
    for delay in DELAYS_SECONDS:
        try:
            return work()
        except KNOWN_ERRORS as error:
            if not is_transient(error):
                raise
            logging.getLogger(__name__).info("%s: again in %g s", type(error).__name__, delay)
        wait(delay)
    return work()
