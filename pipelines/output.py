"""What a command leaves behind: files that are whole or not there, and JSON that scripts can trust."""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from data.errors import NodewardError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

STDOUT: Final = Path("-")


def check_target(path: Path | None, option: str) -> None:
    """Refuse an output file that can't be written, before any work is done for it."""
    if path is None or path == STDOUT:
        return
    if path.is_dir():
        raise SettingsError(f"{option} {path}: is a folder", mend="name a file")
    if not path.absolute().parent.is_dir():
        raise SettingsError(f"{option} {path}: no folder {path.parent}", mend="create it, or name another file")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well, and vanishes if not."""
    handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        yield part
        _sync(part)
        part.chmod(0o666 & ~_umask())
        part.replace(path)
        _sync(path.absolute().parent)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, to standard output for '-'; what JSON has no number for (NaN) is null."""
    text = json.dumps(to_json(value), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    if path == STDOUT:
        sys.stdout.write(text)
        return
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")


def to_json(value: object) -> object:
    """Turn dataclasses, errors, times, enums, paths and numpy's scalars into what JSON has."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, NodewardError):
        return {"what": value.what, "mend": value.mend, "exit_code": value.exit_code}
    if isinstance(value, dict):
        return {str(key): to_json(below) for key, below in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json(below) for below in value]
    return _scalar(value)


def _scalar(value: object) -> object:
    if hasattr(value, "item"):  # numpy's scalars
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
