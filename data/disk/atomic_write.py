"""Files that are whole or not there."""

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
    """Refuse an output file that can't be written, before any work is done for it."""
    if path is None or path == STDOUT:
        return
    if path.is_dir():
        raise SettingsError(f"{option} {path}: is a folder", fix="name a file")
    if not path.absolute().parent.is_dir():
        raise SettingsError(f"{option} {path}: no folder {path.parent}", fix="create it, or name another file")


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
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
