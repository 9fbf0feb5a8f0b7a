from __future__ import annotations

import errno
import sqlite3

import pytest
from deltalake.exceptions import DeltaError
from sqlalchemy.exc import OperationalError

from data.disk.disk_full import translate_disk_full
from data.errors import DiskFullError


class FakeDriverError(Exception):
    """An exception of a database driver, with its error code."""

    def __init__(self, name: str, code: str) -> None:
        super().__init__("no room")
        setattr(self, name, code)


def statement_failed(cause: Exception) -> OperationalError:
    return OperationalError("INSERT", {}, cause)


FULL = {
    "ENOSPC": OSError(errno.ENOSPC, "No space left on device"),
    "EDQUOT": OSError(errno.EDQUOT, "Disk quota exceeded"),
    "EFBIG": OSError(errno.EFBIG, "File too large"),
    "delta": DeltaError("Generic LocalFileSystem error: No space left on device (os error 28)"),
    "delta's OSError": OSError("Generic LocalFileSystem error: Disk quota exceeded (os error 122)"),
    "SQLite": statement_failed(FakeDriverError("sqlite_errorname", "SQLITE_FULL")),
    "SQLite's write": statement_failed(FakeDriverError("sqlite_errorname", "SQLITE_IOERR_WRITE")),
    "PostgreSQL": statement_failed(FakeDriverError("sqlstate", "53100")),
}
OTHERS = {
    "permission": PermissionError(errno.EACCES, "Permission denied"),
    "delta": DeltaError("Generic LocalFileSystem error: Permission denied (os error 13)"),
    "a number that is no errno": DeltaError("no column 28"),
    "SQLite": statement_failed(sqlite3.OperationalError("no such table")),
}


@pytest.mark.parametrize("fault", FULL.values(), ids=FULL.keys())
def test_a_full_disk_is_reported_with_a_fix(fault: Exception) -> None:
    with (
        pytest.raises(DiskFullError, match=r"var/telemetry: .*\n  → free some space") as caught,
        translate_disk_full("var/telemetry"),
    ):
        raise fault
    assert caught.value.__cause__ is fault


@pytest.mark.parametrize("fault", OTHERS.values(), ids=OTHERS.keys())
def test_another_fault_is_raised_unchanged(fault: Exception) -> None:
    with pytest.raises(type(fault)) as caught, translate_disk_full("var/telemetry"):
        raise fault
    assert caught.value is fault
