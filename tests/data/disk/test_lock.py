from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from data.disk.lock import exclusive_lock
from data.errors import InfrastructureError

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT = timedelta(seconds=0.1)


def test_the_error_of_a_second_writer_names_the_process_that_is_writing(tmp_path: Path) -> None:
    lock = tmp_path / "var" / "ingest.lock"
    with (
        exclusive_lock(lock, TIMEOUT),
        pytest.raises(InfrastructureError, match=rf"ingest\.lock: process {os.getpid()} is writing"),
        exclusive_lock(lock, TIMEOUT),
    ):
        pass


def test_the_lock_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), exclusive_lock(tmp_path / "lock", TIMEOUT):
        raise KeyError
    with exclusive_lock(tmp_path / "lock", TIMEOUT):
        pass


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    script = (
        "import os, pathlib, signal, sys, datetime\n"
        "from data.disk.lock import exclusive_lock\n"
        "with exclusive_lock(pathlib.Path(sys.argv[1]), datetime.timedelta(0)): os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(tmp_path / "lock")], check=False)  # noqa: S603  - the script above
    assert killed.returncode == -9
    with exclusive_lock(tmp_path / "lock", TIMEOUT):
        pass


def test_a_writer_that_waited_while_the_folder_was_replaced_locks_the_new_one(tmp_path: Path) -> None:
    lock, new = tmp_path / "var" / "ingest.lock", tmp_path / "new"
    new.mkdir()
    with ThreadPoolExecutor(1) as threads:
        with exclusive_lock(lock, TIMEOUT):
            waiting = threads.submit(_inode_while_locked, lock)
            time.sleep(TIMEOUT.total_seconds())
            lock.parent.rename(tmp_path / "old")
            new.rename(lock.parent)
        assert waiting.result() == lock.stat().st_ino


def _inode_while_locked(lock: Path) -> int:
    with (
        exclusive_lock(lock, timedelta(seconds=10)),
        pytest.raises(InfrastructureError),
        exclusive_lock(lock, timedelta(0)),
    ):
        pass
    return lock.stat().st_ino
