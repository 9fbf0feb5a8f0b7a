"""Tables that can always be made anew, kept so that they need not be: as the last commit left them, or not at all."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self
from zlib import crc32

import polars as pl

from data.disk.disk_full import translate_disk_full

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

MANIFEST: Final = "manifest.json"
SUFFIX: Final = ".arrow"


@dataclass(frozen=True, slots=True)
class CacheOrigin:
    """What tables were made from: what they are meant for, the version of the buckets, and the time of the view."""

    stamp: str
    version: int
    at: datetime


@dataclass(slots=True)
class TableCache:
    """Tables by name in a folder, as Arrow files.

    A file is never written twice, and the manifest that names the files is replaced at the end: whoever is killed
    before that leaves the tables of the commit before. A file that is not what was written is no longer there: who
    asks for its table makes it anew.
    """

    folder: Path
    mark: CacheOrigin | None = None  # of the last commit
    fault: str = ""  # why there is none, where there was one
    damaged: int = 0  # files that were asked for and were gone, or not what was written
    _generation: int = 0
    _files: dict[str, tuple[str, int]] = field(default_factory=dict)  # by table: a file's name and checksum

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the tables of a folder; none if it holds none, or if its manifest can't be read."""
        path = folder / MANIFEST
        if not path.exists():
            return cls(folder)
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
            mark = CacheOrigin(read["stamp"], int(read["version"]), datetime.fromisoformat(read["at"]).astimezone(UTC))
            files = {name: (file, told) for name, (file, told) in read["files"].items()}
            return cls(folder, mark, _generation=int(read["generation"]), _files=files)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
            return cls(folder, fault=f"{path} can't be read ({fault})")

    def names(self) -> Collection[str]:
        """Name the tables that are there."""
        return self._files.keys()

    def get(self, name: str) -> pl.DataFrame | None:
        """Read a table; None if it is not there, or no longer what was written."""
        if name not in self._files:
            return None
        file, told = self._files[name]
        content = _content(self.folder / file)
        if crc32(content) != told:
            self.damaged += 1
            self.drop(name)
            return None
        return pl.read_ipc(content)

    def put(self, name: str, table: pl.DataFrame) -> None:
        """Write a table; a later process finds it once it is committed."""
        file = f"{name}.{self._generation + 1}{SUFFIX}"
        with translate_disk_full(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / file).unlink(missing_ok=True)  # of one who was killed
            table.write_ipc(self.folder / file)
        self._files[name] = file, crc32(_content(self.folder / file))

    def drop(self, name: str) -> None:
        """Forget a table; its file stays until the next commit."""
        del self._files[name]

    def clear(self) -> None:
        """Forget every table."""
        self._files.clear()

    def commit(self, mark: CacheOrigin) -> None:
        """Make what is there now what a later process finds, and remove every other file."""
        told = {**asdict(mark), "at": mark.at.isoformat(), "generation": self._generation + 1, "files": self._files}
        part = self.folder / f"{MANIFEST}.part"
        with translate_disk_full(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps(told, indent=1), encoding="utf-8")
            part.replace(self.folder / MANIFEST)
        self.mark, self._generation = mark, self._generation + 1
        for stray in {path.name for path in self.folder.glob(f"*{SUFFIX}") if path.is_file()} - {
            file for file, _ in self._files.values()
        }:
            with suppress(FileNotFoundError):
                (self.folder / stray).unlink()


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
