"""Turns the exception that ended a command into a message with an exit code, and logs the traceback of a bug."""

from __future__ import annotations

import errno
import traceback
from typing import TYPE_CHECKING, Final

from deltalake.exceptions import DeltaError
from polars.exceptions import PolarsError
from rich.text import Text
from sqlalchemy.exc import SQLAlchemyError

from data.disk.disk_full import is_full
from data.errors import DiskFullError, InfrastructureError, NodewardError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from rich.console import Console

# Exceptions that may have a cause outside Nodeward's code; any other is a bug.
KNOWN_ERRORS: Final = (NodewardError, OSError, MemoryError, DeltaError, SQLAlchemyError, PolarsError)
BUG: Final = 1
LOG_NAME: Final = "nodeward.log"
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO})
_UNREACHED: Final = frozenset(
    {errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH}
)


def as_nodeward_error(error: BaseException) -> NodewardError | None:
    """Return the NodewardError that an exception, or one that caused it, is or means; None if this is a bug."""
    for cause in _causes(error):
        nodeward_error = cause if isinstance(cause, NodewardError) else _infrastructure_error(cause)
        if nodeward_error is not None:
            return nodeward_error
    return None


def print_error(error: NodewardError, console: Console) -> None:
    """Print an error as one block: what is wrong, and how to fix it."""
    console.print(Text.assemble(("error: ", "bold red"), error.what), soft_wrap=True, highlight=False)
    console.print(Text(f"  → {error.fix}"), soft_wrap=True, highlight=False)


def report_bug(error: BaseException, folder: Path | None, now: datetime, console: Console) -> None:
    """Write a bug's traceback to the log and print where; print the traceback if the log can't be written."""
    text = "".join(traceback.format_exception(error))
    line = f"this is a bug in Nodeward: {type(error).__name__}: {error}".splitlines()[0]
    try:
        where = _append_to_log(folder, f"{now.isoformat(timespec='seconds')} {line}\n{text}\n")
    except OSError as log_error:
        console.print(Text(text), soft_wrap=True)
        where = f"no log: {log_error}"
    console.print(Text.assemble(("error: ", "bold red"), f"{line} ({where})"), soft_wrap=True, highlight=False)


def _append_to_log(folder: Path | None, text: str) -> str:
    if folder is None:
        raise FileNotFoundError("the settings were not read yet")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG_NAME).open("a", encoding="utf-8") as log:
        log.write(text)
    return f"traceback in {folder / LOG_NAME}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__  # not __context__: an exception that was being handled need not be the cause


def _infrastructure_error(error: BaseException) -> NodewardError | None:
    if isinstance(error, MemoryError):
        return InfrastructureError("out of memory", fix="free some, or use a machine with more, and run again")
    if isinstance(error, Exception) and is_full(error):
        return DiskFullError(_where(error), "no space left")
    return _from_errno(error) if isinstance(error, OSError) else None


def _from_errno(error: OSError) -> NodewardError | None:
    why, where = error.strerror or str(error), _where(error)
    if error.errno in _FORBIDDEN:
        return InfrastructureError(f"{where}: {why}", fix="give this user the right to it, or name another place")
    if error.errno in _EXHAUSTED:
        return InfrastructureError(f"{where}: {why}", fix="repair the machine, and run again")
    if error.errno in _UNREACHED or isinstance(error, ConnectionError | TimeoutError):
        return UnreachableError("a server", where, why)
    return None


def _where(error: BaseException) -> object:
    return getattr(error, "filename", None) or "the disk or server in use"
