"""How a command ends: the exit code of what went wrong, said in one block, a bug's traceback kept in the log."""

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

NAMED: Final = (NodewardError, OSError, MemoryError, DeltaError, SQLAlchemyError, PolarsError)  # that may be understood
BUG: Final = 1
LOG_NAME: Final = "nodeward.log"
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO})
_UNREACHED: Final = frozenset(
    {errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH}
)


def understood(error: BaseException) -> NodewardError | None:
    """Find what Nodeward has a word for in an error or in what caused it; None if this is a bug."""
    for cause in _chain(error):
        found = cause if isinstance(cause, NodewardError) else _surroundings(cause)
        if found is not None:
            return found
    return None


def say(error: NodewardError, console: Console) -> None:
    """Print an error as one block: what, and how to fix it."""
    console.print(Text.assemble(("error: ", "bold red"), error.what), soft_wrap=True, highlight=False)
    console.print(Text(f"  → {error.fix}"), soft_wrap=True, highlight=False)


def report_bug(error: BaseException, folder: Path | None, now: datetime, console: Console) -> None:
    """Keep a bug's traceback in the log and say where; print it if there is no log to write to."""
    text = "".join(traceback.format_exception(error))
    line = f"this is a bug in Nodeward: {type(error).__name__}: {error}".splitlines()[0]
    try:
        where = _append(folder, f"{now.isoformat(timespec='seconds')} {line}\n{text}\n")
    except OSError as unwritable:
        console.print(Text(text), soft_wrap=True)
        where = f"no log: {unwritable}"
    console.print(Text.assemble(("error: ", "bold red"), f"{line} ({where})"), soft_wrap=True, highlight=False)


def _append(folder: Path | None, text: str) -> str:
    if folder is None:
        raise FileNotFoundError("the settings were not read yet")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG_NAME).open("a", encoding="utf-8") as log:
        log.write(text)
    return f"traceback in {folder / LOG_NAME}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__  # not __context__: what was being handled need not be why this was raised


def _surroundings(error: BaseException) -> NodewardError | None:
    if isinstance(error, MemoryError):
        return InfrastructureError("out of memory", fix="free some, or take a machine with more, and run again")
    if isinstance(error, Exception) and is_full(error):
        return DiskFullError(_where(error), "no space left")
    return _of_errno(error) if isinstance(error, OSError) else None


def _of_errno(error: OSError) -> NodewardError | None:
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
