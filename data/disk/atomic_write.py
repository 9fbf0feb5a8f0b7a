"""Writes files atomically: a crash leaves the whole new file or none of it."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from data.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator

STDOUT: Final = Path("-")


def check_output_file(path: Path | None, option: str) -> None:
    """Raise SettingsError if an output file can't be written, before any work is done for it."""
    if path is None or path == STDOUT:
        return
    if path.is_dir():
        raise SettingsError(f"{option} {path}: is a folder", fix="name a file")
    if not path.absolute().parent.is_dir():
        raise SettingsError(f"{option} {path}: no folder {path.parent}", fix="create it, or name another file")


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path that replaces `path` if the block succeeds, and is removed if it fails."""
    handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        _sync(path.absolute().parent)
    finally:
        temporary.unlink(missing_ok=True)


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
