"""One writer at a time: a lock file that the kernel releases when its process ends, even if it is killed."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Final

from data.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from pathlib import Path

PAUSE_SECONDS: Final = 0.05


@contextmanager
def exclusive_lock(path: Path, timeout: timedelta) -> Iterator[None]:
    """Hold the lock on the file `path` during the block.

    Raises:
        InfrastructureError: if another process still holds it after `timeout`.
    """
    with _locked(path, timeout) as file:
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield  # closing the file releases the lock


def _locked(path: Path, timeout: timedelta) -> IO[str]:
    """Open the lock file and lock it; again if its folder was replaced in the meantime."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as opened:
            file = opened.enter_context(path.open("a+"))
            _acquire(path, file.fileno(), timeout)
            if path.exists() and os.path.samestat(path.stat(), os.fstat(file.fileno())):
                opened.pop_all()
                return file


def _acquire(path: Path, descriptor: int, timeout: timedelta) -> None:
    deadline = time.monotonic() + timeout.total_seconds()
    while not _try(descriptor):
        if time.monotonic() >= deadline:
            raise InfrastructureError(
                f"{path}: process {path.read_text() or 'unknown'} is writing to the same state "
                f"and did not finish within {timeout.total_seconds():g} s",
                fix="wait for it, stop it, or set state.path to another folder",
            )
        time.sleep(PAUSE_SECONDS)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
