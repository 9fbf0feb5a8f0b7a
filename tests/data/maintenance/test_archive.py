from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from data.errors import DataError, SettingsError, SourceFileError
from data.maintenance.archive import MANIFEST, codec_of, unpack, write_archive

if TYPE_CHECKING:
    from collections.abc import Mapping

CODECS = ("zst", "gz")


def pack(folder: Path, kind: str = "zst") -> Path:
    """Pack two files, one of which is hard to compress."""
    (folder / "one").write_bytes(bytes(range(256)) * 40)
    (folder / "two").write_text("warm")
    archive = folder / f"b.tar.{kind}"
    with write_archive(archive, codec_of(archive)) as writer:
        writer.add("a/one", folder / "one")
        writer.add("two", folder / "two")
        writer.write_manifest({"fleet": "ñ"})
    return archive


def write(archive: Path, members: Mapping[str, bytes], kind: bytes = tarfile.REGTYPE) -> Path:
    """Write an archive without Nodeward."""
    with pa.CompressedOutputStream(archive.open("wb"), "zstd") as out, tarfile.open(fileobj=out, mode="w|") as tar:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size, header.type, header.linkname = len(content), kind, "/etc/passwd"
            tar.addfile(header, io.BytesIO(content))
    return archive


def target(folder: Path) -> Path:
    (folder / "out").mkdir()
    return folder / "out"


@pytest.mark.parametrize("kind", CODECS)
def test_packed_files_are_unpacked(tmp_path: Path, kind: str) -> None:
    manifest = unpack(pack(tmp_path, kind), target(tmp_path))
    assert (manifest["fleet"], sorted(manifest["files"])) == ("ñ", ["a/one", "two"])
    assert (tmp_path / "out" / "a" / "one").read_bytes() == (tmp_path / "one").read_bytes()
    assert (tmp_path / "out" / "two").read_text() == "warm"
    assert not (tmp_path / "out" / MANIFEST).exists()


@pytest.mark.parametrize("kind", CODECS)
def test_tar_can_read_an_archive(tmp_path: Path, kind: str) -> None:
    archive = pack(tmp_path, kind)
    with archive.open("rb") as file, pa.CompressedInputStream(file, codec_of(archive)) as plain:
        content = io.BytesIO(plain.read())
    with tarfile.open(fileobj=content) as tar:
        assert tar.getnames() == ["a/one", "two", MANIFEST]


def test_an_archive_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"let its name end with \.tar\.zst or \.tar\.gz"):
        codec_of(Path("backup.zip"))


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SourceFileError, match=r"gone\.tar\.zst: does not exist"):
        unpack(tmp_path / "gone.tar.zst", target(tmp_path))


@pytest.mark.parametrize("kind", CODECS)
@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.7, 0.9])
def test_a_truncated_archive_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    archive = pack(tmp_path, kind)
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(SourceFileError, match=r"(is no complete backup|has no manifest)(?s:.)*nothing was changed"):
        unpack(archive, target(tmp_path))


@pytest.mark.parametrize("kind", CODECS)
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.8, 0.95])
def test_an_archive_with_one_byte_changed_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    archive = pack(tmp_path, kind)
    content = bytearray(archive.read_bytes())
    content[int(len(content) * share)] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(DataError, match="nothing was changed"):
        unpack(archive, target(tmp_path))


@pytest.mark.parametrize("content", [b"", b"this is no archive", b"\0" * 4096])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "b.tar.gz"
    archive.write_bytes(content)
    with pytest.raises(SourceFileError):
        unpack(archive, target(tmp_path))


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil", "a\\..\\evil", "..", "."])  # noqa: S108  - never written
def test_a_member_outside_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    archive = write(tmp_path / "b.tar.zst", {name: b"evil", MANIFEST: b"{}"})
    with pytest.raises(SourceFileError, match="which no backup of Nodeward contains"):
        unpack(archive, target(tmp_path))
    assert {path.name for path in tmp_path.rglob("*")} == {"b.tar.zst", "out"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    archive = write(tmp_path / "b.tar.zst", {"link": b""}, kind)
    with pytest.raises(SourceFileError, match="contains 'link'"):
        unpack(archive, target(tmp_path))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "names",
    [("x", "x/y"), ("x/y", "x"), ("n" * 300,), ("/".join(["d" * 200] * 30),)],
    ids=["below", "above", "long", "deep"],
)
def test_names_that_no_folder_can_have_are_refused(tmp_path: Path, names: tuple[str, ...]) -> None:
    archive = write(tmp_path / "b.tar.zst", {**dict.fromkeys(names, b""), MANIFEST: b"{}"})
    with pytest.raises(SourceFileError, match="is no complete backup"):
        unpack(archive, target(tmp_path))


def test_a_duplicate_member_is_refused(tmp_path: Path) -> None:
    with pa.CompressedOutputStream((tmp_path / "b.tar.zst").open("wb"), "zstd") as out:
        tar = tarfile.open(fileobj=out, mode="w|")  # noqa: SIM115  - closed below, before the stream
        for content in (b"one", b"two"):
            header = tarfile.TarInfo("twice")
            header.size = len(content)
            tar.addfile(header, io.BytesIO(content))
        tar.close()
    with pytest.raises(SourceFileError, match="contains 'twice'"):
        unpack(tmp_path / "b.tar.zst", target(tmp_path))


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "x was added after"),
        ({"x": {"bytes": 4, "sha256": "0"}}, "x was changed after"),
        ({"x": {}, "y": {}}, "x was changed after"),
    ],
)
def test_members_must_match_the_manifest(tmp_path: Path, files: object, why: str) -> None:
    manifest = json.dumps({"format": 1, "files": files}).encode()
    with pytest.raises(SourceFileError, match=why):
        unpack(write(tmp_path / "b.tar.zst", {"x": b"warm", MANIFEST: manifest}), target(tmp_path))


@pytest.mark.parametrize("manifest", [b"", b"[]", b"{}", b'{"format": 1}', b'{"format": 1, "files": ["x"]}', b"\xff"])
def test_an_archive_of_another_program_is_refused(tmp_path: Path, manifest: bytes) -> None:
    with pytest.raises(SourceFileError, match="has no manifest"):
        unpack(write(tmp_path / "b.tar.zst", {"x": b"warm", MANIFEST: manifest}), target(tmp_path))


def test_an_archive_of_a_later_format_is_refused(tmp_path: Path) -> None:
    manifest = b'{"format": 2, "files": {}}'
    with pytest.raises(SourceFileError, match="has format 2, and this Nodeward reads 1"):
        unpack(write(tmp_path / "b.tar.zst", {MANIFEST: manifest}), target(tmp_path))
