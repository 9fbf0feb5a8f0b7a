"""Replaces a folder in one step, so that a crash leaves either the old folder or the new one."""

from __future__ import annotations

import ctypes
import os
import shutil
from typing import TYPE_CHECKING, Final

from data.errors import InfrastructureError

if TYPE_CHECKING:
    from pathlib import Path

_WORKING_FOLDER: Final = -100  # AT_FDCWD
_EXCHANGE: Final = 2  # RENAME_EXCHANGE


def replace_folder(new: Path, target: Path) -> None:
    """Move the folder `new`, which is in the same folder as `target`, to `target`, and remove the old `target`.

    Raises:
        InfrastructureError: if a file system is mounted at `target`, which can't be moved.
    """
    if target.is_mount():
        raise InfrastructureError(
            f"{target}: a file system is mounted there, which can't be replaced in one step",
            fix="set state.path to a folder below it",
        )
    if not target.exists() or not any(target.iterdir()):
        new.replace(target)
        return
    if _exchange(new, target):
        shutil.rmtree(new)
        return
    old = target.with_name(f".{target.name}.replaced")  # a crash between the two renames leaves the old folder here
    shutil.rmtree(old, ignore_errors=True)
    target.rename(old)
    new.rename(target)
    shutil.rmtree(old)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two folders atomically; return False if the kernel or the file system can't."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return (
        rename is not None
        and rename(_WORKING_FOLDER, os.fsencode(first), _WORKING_FOLDER, os.fsencode(second), _EXCHANGE) == 0
    )
