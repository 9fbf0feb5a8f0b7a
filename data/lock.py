"""One writer at a time: ingest holds a lock that the kernel drops when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from data.errors import SurroundingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta
    from pathlib import Path

PAUSE_SECONDS: Final = 0.05


@contextmanager
def writing(path: Path, patience: timedelta) -> Iterator[None]:
    """Hold the lock file `path`.

    Raises:
        SurroundingsError: if another process still holds it after `patience`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        _acquire(path, file.fileno(), patience)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield  # closing the file gives the lock back


def _acquire(path: Path, descriptor: int, patience: timedelta) -> None:
    deadline = time.monotonic() + patience.total_seconds()
    while not _try(descriptor):
        if time.monotonic() >= deadline:
            raise SurroundingsError(
                f"{path}: process {path.read_text() or 'unknown'} is writing to the same state "
                f"and did not finish within {patience.total_seconds():g} s",
                mend="wait for it, stop it, or set state.path to another folder",
            )
        time.sleep(PAUSE_SECONDS)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
