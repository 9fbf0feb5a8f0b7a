"""A backup's file: a compressed tar whose last member is a manifest with the hash of every other one."""

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
# What can't be decompressed has no errno; the others come of members' names, such as a file's above another file.
NOT_OF_SURROUNDINGS: Final = (None, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG)
FIX: Final = "use another backup; this one was not restored, and nothing was changed"


def codec_of(path: Path) -> str:
    """Tell by its name how an archive is compressed.

    Raises:
        SettingsError: if the name does not say.
    """
    for suffix, codec in CODECS.items():
        if path.name.endswith(suffix):
            return codec
    raise SettingsError(f"{path}: what kind of archive is it?", fix=f"let its name end with {' or '.join(CODECS)}")


@dataclass(frozen=True, slots=True)
class Packer:
    """Writes members, and keeps the size and the SHA-256 of each for the manifest."""

    tar: tarfile.TarFile
    members: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, name: str, file: Path) -> None:
        """Write a file as it is now."""
        with file.open("rb") as content:
            size = os.fstat(content.fileno()).st_size
            self.members[name] = {"bytes": size, "sha256": self._write(name, content, size)}

    def seal(self, told: Mapping[str, Any]) -> None:
        """Write the manifest."""
        manifest = json.dumps({"format": FORMAT, **told, "files": self.members}, indent=1).encode()
        self._write(MANIFEST, BytesIO(manifest), len(manifest))

    def _write(self, name: str, content: IO[bytes], size: int) -> str:
        """Write a member; give its hash."""
        header, hashed = tarfile.TarInfo(name), _Hashed(content)
        header.size = size
        self.tar.addfile(header, cast("IO[bytes]", hashed))
        return hashed.digest.hexdigest()


@contextmanager
def packing(path: Path, codec: str) -> Iterator[Packer]:
    """Write an archive; the block must seal it at its end."""
    with (
        translate_disk_full(path),
        path.open("wb") as file,
        pa.CompressedOutputStream(file, codec) as compressed,
        tarfile.open(fileobj=compressed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        yield Packer(tar)


def unpack(path: Path, folder: Path) -> dict[str, Any]:
    """Write an archive's members into an empty folder, hold each to its hash, and give the manifest.

    Raises:
        SourceFileError: if it is no backup, is cut off, was changed, or would write outside the folder.
        DiskFullError: if it does not fit.
    """
    codec = codec_of(path)
    try:
        with translate_disk_full(folder), path.open("rb") as file, pa.CompressedInputStream(file, codec) as plain:
            found, manifest = _extract(path, cast("IO[bytes]", plain), folder)
    except FileNotFoundError:
        raise SourceFileError(path, "is not there", fix="name a file that `nodeward backup` wrote") from None
    except (tarfile.TarError, EOFError, OSError, pa.ArrowException) as fault:
        if isinstance(fault, OSError) and fault.errno not in NOT_OF_SURROUNDINGS:
            raise
        raise SourceFileError(path, f"is no whole backup: {' '.join(str(fault).split())}", fix=FIX) from fault
    return _checked(path, found, manifest)


def _extract(path: Path, plain: IO[bytes], folder: Path) -> tuple[dict[str, dict[str, Any]], bytes]:
    found: dict[str, dict[str, Any]] = {}
    manifest = b""
    with tarfile.open(fileobj=plain, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is None or not _is_inside(member.name) or member.name in found:
                raise SourceFileError(path, f"holds {member.name!r}, which no backup of Nodeward's does", fix=FIX)
            if member.name == MANIFEST:
                manifest = content.read()
            else:
                found[member.name] = _write(folder / member.name, content)
    return found, manifest


def _is_inside(name: str) -> bool:
    """Say whether a member's name stays below the folder that it is unpacked into."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\\" not in name and "\0" not in name


def _write(target: Path, content: IO[bytes]) -> dict[str, Any]:
    target.parent.mkdir(parents=True, exist_ok=True)
    hashed = _Hashed(content)
    with target.open("wb") as file:
        size = 0
        while chunk := hashed.read(CHUNK):
            size += file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return {"bytes": size, "sha256": hashed.digest.hexdigest()}


def _checked(path: Path, found: dict[str, dict[str, Any]], manifest: bytes) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(manifest)
        version, files = told["format"], dict(told["files"])
    except (ValueError, KeyError, TypeError):
        raise SourceFileError(path, "has no manifest: it was cut off, or is no backup", fix=FIX) from None
    if version != FORMAT:
        why = f"has format {version}, and this Nodeward reads {FORMAT}"
        raise SourceFileError(path, why, fix="restore it with the Nodeward that made it, or a newer one")
    for name in sorted({*files, *found}):
        if files.get(name) != found.get(name):
            why = "was added" if name not in files else "is missing" if name not in found else "was changed"
            raise SourceFileError(path, f"{name} {why} after the backup was made", fix=FIX)
    return told


class _Hashed:
    """Hashes what is read through it."""

    __slots__ = ("_content", "digest")

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read and hash."""
        chunk = self._content.read(size)
        self.digest.update(chunk)
        return chunk
