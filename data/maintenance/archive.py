"""The file of a backup: a compressed tar whose last member is a manifest with the hashes of all others."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Final, cast

import pyarrow as pa

from data.disk.disk_full import translate_disk_full
from data.errors import SettingsError, SourceFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CODECS: Final = {".tar.zst": "zstd", ".tar.gz": "gzip"}
MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
CHUNK: Final = 1 << 20
# Faults of the archive: decompression errors have no errno; the others are caused by the names of members.
ARCHIVE_FAULTS: Final = (None, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG)
FIX: Final = "use another backup; this one was not restored, and nothing was changed"


def codec_of(path: Path) -> str:
    """Return the compression of an archive from its name.

    Raises:
        SettingsError: if the name has no known ending.
    """
    for suffix, codec in CODECS.items():
        if path.name.endswith(suffix):
            return codec
    raise SettingsError(f"{path}: unknown kind of archive", fix=f"let its name end with {' or '.join(CODECS)}")


@dataclass(frozen=True, slots=True)
class ArchiveWriter:
    """Writes members, and collects the size and the SHA-256 of each for the manifest."""

    tar: tarfile.TarFile
    members: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, file: Path) -> None:
        """Write a file as a member."""
        with file.open("rb") as content:
            size = os.fstat(content.fileno()).st_size
            self.members[name] = {"bytes": size, "sha256": self._write(name, content, size)}

    def write_manifest(self, content: Mapping[str, Any]) -> None:
        """Write the manifest, which is the last member."""
        manifest = json.dumps({"format": FORMAT, **content, "files": self.members}, indent=1).encode()
        self._write(MANIFEST, BytesIO(manifest), len(manifest))

    def _write(self, name: str, content: IO[bytes], size: int) -> str:
        """Write a member and return its hash."""
        header, reader = tarfile.TarInfo(name), _HashingReader(content)
        header.size = size
        self.tar.addfile(header, cast("IO[bytes]", reader))
        return reader.digest.hexdigest()


@contextmanager
def write_archive(path: Path, codec: str) -> Iterator[ArchiveWriter]:
    """Write an archive; the block must write the manifest at its end."""
    with (
        translate_disk_full(path),
        path.open("wb") as file,
        pa.CompressedOutputStream(file, codec) as compressed,
        tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        yield ArchiveWriter(tar)


def unpack(path: Path, folder: Path) -> dict[str, Any]:
    """Unpack an archive into an empty folder, verify the hash of each member, and return the manifest.

    Raises:
        SourceFileError: if it is no backup, is truncated, was changed, or would write outside the folder.
        DiskFullError: if the disk is full.
    """
    codec = codec_of(path)
    try:
        with translate_disk_full(folder), path.open("rb") as file, pa.CompressedInputStream(file, codec) as plain:
            members, manifest = _extract(path, cast("IO[bytes]", plain), folder)
    except FileNotFoundError:
        raise SourceFileError(path, "does not exist", fix="name a file that `nodeward backup` wrote") from None
    except (tarfile.TarError, EOFError, OSError, pa.ArrowException) as fault:
        if isinstance(fault, OSError) and fault.errno not in ARCHIVE_FAULTS:
            raise
        raise SourceFileError(path, f"is no complete backup: {' '.join(str(fault).split())}", fix=FIX) from fault
    return _checked(path, members, manifest)


def _extract(path: Path, plain: IO[bytes], folder: Path) -> tuple[dict[str, dict[str, Any]], bytes]:
    """Write the members into the folder; return their sizes and hashes, and the manifest."""
    members: dict[str, dict[str, Any]] = {}
    manifest = b""
    with tarfile.open(fileobj=plain, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or not _is_inside(member.name) or member.name in members:
                raise SourceFileError(path, f"contains {member.name!r}, which no backup of Nodeward contains", fix=FIX)
            if member.name == MANIFEST:
                manifest = content.read()
            else:
                members[member.name] = _write(folder / member.name, content)
    return members, manifest


def _is_inside(name: str) -> bool:
    """Return whether the path of a member is below the folder into which it is unpacked."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\\" not in name and "\0" not in name


def _write(target: Path, content: IO[bytes]) -> dict[str, Any]:
    target.parent.mkdir(parents=True, exist_ok=True)
    reader = _HashingReader(content)
    with target.open("wb") as file:
        size = 0
        while chunk := reader.read(CHUNK):
            size += file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": size, "sha256": reader.digest.hexdigest()}


def _checked(path: Path, members: dict[str, dict[str, Any]], content: bytes) -> dict[str, Any]:
    """Return the manifest; raise SourceFileError if the members differ from it."""
    try:
        manifest: dict[str, Any] = json.loads(content)
        version, files = manifest["format"], dict(manifest["files"])
    except (ValueError, KeyError, TypeError):
        raise SourceFileError(path, "has no manifest: it was truncated, or is no backup", fix=FIX) from None
    if version != FORMAT:
        why = f"has format {version}, and this Nodeward reads {FORMAT}"
        raise SourceFileError(path, why, fix="restore it with the Nodeward that made it, or a newer one")
    for name in sorted({*files, *members}):
        if files.get(name) != members.get(name):
            why = "was added" if name not in files else "is missing" if name not in members else "was changed"
            raise SourceFileError(path, f"{name} {why} after the backup was made", fix=FIX)
    return manifest


class _HashingReader:
    """Hashes the bytes that are read through it."""

    __slots__ = ("_content", "digest")

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read and hash a chunk."""
        chunk = self._content.read(size)
        self.digest.update(chunk)
        return chunk
