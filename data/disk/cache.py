"""A cache of tables that can be recomputed: it returns a table as the last commit left it, or none."""

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
    """What the tables were computed from: their purpose, the version of the buckets, and the time of the view."""

    stamp: str
    version: int
    at: datetime


@dataclass(slots=True)
class TableCache:
    """Tables by name in a folder, as Arrow files.

    No file is written twice, and the manifest that names the files is replaced last. So a process that is killed
    before that leaves the tables of the previous commit. A file that is not what was written counts as missing, and
    its table is recomputed.
    """

    folder: Path
    origin: CacheOrigin | None = None  # of the last commit; None: no table is valid
    fault: str = ""  # why an existing manifest could not be read
    damaged: int = 0  # files that were requested and were missing or not what was written
    _generation: int = 0
    _files: dict[str, tuple[str, int]] = field(default_factory=dict)  # by table: name and checksum of its file

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the tables of a folder; there are none if it has no manifest or an unreadable one."""
        path = folder / MANIFEST
        if not path.exists():
            return cls(folder)
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            time = datetime.fromisoformat(manifest["at"]).astimezone(UTC)
            origin = CacheOrigin(manifest["stamp"], int(manifest["version"]), time)
            files = {name: (file, checksum) for name, (file, checksum) in manifest["files"].items()}
            return cls(folder, origin, _generation=int(manifest["generation"]), _files=files)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
            return cls(folder, fault=f"{path} can't be read ({fault})")

    def names(self) -> Collection[str]:
        """Return the names of the tables."""
        return self._files.keys()

    def get(self, name: str) -> pl.DataFrame | None:
        """Return a table; None if it is missing or not what was written."""
        if name not in self._files:
            return None
        file, checksum = self._files[name]
        content = _content(self.folder / file)
        if crc32(content) != checksum:
            self.damaged += 1
            self.drop(name)
            return None
        return pl.read_ipc(content)

    def put(self, name: str, table: pl.DataFrame) -> None:
        """Write a table; later processes see it after the next commit."""
        file = f"{name}.{self._generation + 1}{SUFFIX}"
        with translate_disk_full(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / file).unlink(missing_ok=True)  # left by a process that was killed
            table.write_ipc(self.folder / file)
        self._files[name] = file, crc32(_content(self.folder / file))

    def drop(self, name: str) -> None:
        """Drop a table; its file stays until the next commit."""
        del self._files[name]

    def clear(self) -> None:
        """Drop all tables."""
        self._files.clear()

    def commit(self, origin: CacheOrigin) -> None:
        """Publish the present tables to later processes, and remove all other files."""
        version = {"generation": self._generation + 1, "files": self._files}
        manifest = {**asdict(origin), "at": origin.at.isoformat(), **version}
        temporary = self.folder / f"{MANIFEST}.part"
        with translate_disk_full(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            temporary.replace(self.folder / MANIFEST)
        self.origin, self._generation = origin, self._generation + 1
        current = {file for file, _ in self._files.values()}
        for path in self.folder.glob(f"*{SUFFIX}"):
            if path.is_file() and path.name not in current:
                with suppress(FileNotFoundError):
                    path.unlink()


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
