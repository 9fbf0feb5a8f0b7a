"""Tells a full disk from every other fault, whichever library met it."""

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
# SQLite swallows errno: a quota or a limit on file size comes as a failed write.
SQLITE_FULL: Final = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"})
POSTGRES_FULL: Final = "53100"


@contextmanager
def translate_disk_full(where: object) -> Iterator[None]:
    """Raise DiskFullError if a write inside fails for want of space; let other faults pass."""
    try:
        yield
    except (OSError, DeltaError, DBAPIError) as fault:
        if not is_full(fault):
            raise
        raise DiskFullError(where, " ".join(str(fault).split())) from fault


def is_full(fault: Exception) -> bool:
    """Say whether a fault means that the disk, or the quota on it, is full."""
    if isinstance(fault, DBAPIError):
        name, state = getattr(fault.orig, "sqlite_errorname", None), getattr(fault.orig, "sqlstate", None)
        return name in SQLITE_FULL or state == POSTGRES_FULL
    if isinstance(fault, OSError) and fault.errno is not None:
        return fault.errno in FULL
    found = OS_ERROR.search(str(fault))
    return found is not None and int(found[1]) in FULL
