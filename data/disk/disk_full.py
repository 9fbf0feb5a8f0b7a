"""Recognises a full disk in the exceptions of every library that writes files."""

from __future__ import annotations

import errno
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from deltalake.exceptions import DeltaError
from sqlalchemy.exc import DBAPIError

from data.errors import DiskFullError

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
OS_ERROR: Final = re.compile(r"\(os error (\d+)\)")  # how Rust prints errno
# SQLite hides errno: a quota or a limit on file size appears as a failed write.
SQLITE_FULL: Final = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"})
POSTGRES_FULL: Final = "53100"


@contextmanager
def translate_disk_full(where: object) -> Iterator[None]:
    """Raise DiskFullError if a write inside the block fails for lack of space; re-raise other exceptions."""
    try:
        yield
    except (OSError, DeltaError, DBAPIError) as fault:
        if not is_full(fault):
            raise
        raise DiskFullError(where, " ".join(str(fault).split())) from fault


def is_full(fault: Exception) -> bool:
    """Return whether an exception means that the disk, or the quota on it, is full."""
    if isinstance(fault, DBAPIError):
        name, state = getattr(fault.orig, "sqlite_errorname", None), getattr(fault.orig, "sqlstate", None)
        return name in SQLITE_FULL or state == POSTGRES_FULL
    if isinstance(fault, OSError) and fault.errno is not None:
        return fault.errno in FULL
    number = OS_ERROR.search(str(fault))
    return number is not None and int(number[1]) in FULL
