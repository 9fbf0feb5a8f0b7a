"""Puts one folder in another's place in one step, so that a crash leaves the old one or the new one."""

from __future__ import annotations

import ctypes
import os
import shutil
from typing import TYPE_CHECKING, Final

from data.errors import InfrastructureError

if TYPE_CHECKING:
    from pathlib import Path

_HERE: Final = -100  # AT_FDCWD
_EXCHANGE: Final = 2  # RENAME_EXCHANGE


def swap(new: Path, target: Path) -> None:
    """Move the folder `new`, which lies beside `target`, to `target`; what was there is removed afterwards.

    Raises:
        InfrastructureError: if something is mounted at `target`, so that it can't be moved.
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
    old = target.with_name(f".{target.name}.replaced")  # a crash between these two leaves the old folder here
    shutil.rmtree(old, ignore_errors=True)
    target.rename(old)
    new.rename(target)
    shutil.rmtree(old)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders atomically, where kernel and file system know how."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return rename is not None and rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0
