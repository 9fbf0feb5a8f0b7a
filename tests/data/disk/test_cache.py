"""What is kept between scores: whole as the last commit left it, whoever was killed since."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data.disk.cache import MANIFEST, CacheOrigin, TableCache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONE, TWO = pl.DataFrame({"node": ["été"], "x": [float("nan")]}), pl.DataFrame({"node": ["b"], "x": [2.0]})
MARK = CacheOrigin("stamp", 7, datetime(2025, 1, 1, 5, tzinfo=UTC))


def committed(folder: Path) -> TableCache:
    kept = TableCache.open(folder)
    kept.put("head-1", ONE)
    kept.put("head-2", TWO)
    kept.commit(MARK)
    return kept


def table(kept: TableCache, name: str) -> pl.DataFrame:
    found = kept.get(name)
    assert found is not None
    return found


def arrows(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.arrow")}


def test_what_was_committed_is_found_by_the_next_process(tmp_path: Path) -> None:
    committed(tmp_path / "new")
    found = TableCache.open(tmp_path / "new")
    assert found.mark == MARK
    assert sorted(found.names()) == ["head-1", "head-2"]
    assert_frame_equal(table(found, "head-1"), ONE)


def test_a_folder_without_a_manifest_is_empty_and_no_fault(tmp_path: Path) -> None:
    found = TableCache.open(tmp_path / "none")
    assert (found.mark, found.fault, list(found.names())) == (None, "", [])


def test_who_is_killed_before_the_commit_leaves_the_one_before(tmp_path: Path) -> None:
    committed(tmp_path)
    killed = TableCache.open(tmp_path)
    killed.drop("head-1")
    killed.put("head-2", ONE)
    killed.put("head-3", ONE)
    found = TableCache.open(tmp_path)
    assert found.mark == MARK
    assert_frame_equal(table(found, "head-2"), TWO)
    assert sorted(found.names()) == ["head-1", "head-2"]
    found.put("head-3", TWO)  # the same file again
    found.commit(MARK)
    assert_frame_equal(table(TableCache.open(tmp_path), "head-3"), TWO)
    assert len(arrows(tmp_path)) == 3, "nothing is left of the one who was killed"


def test_files_that_no_table_needs_are_removed(tmp_path: Path) -> None:
    kept = committed(tmp_path)
    kept.put("head-2", ONE)
    kept.drop("head-1")
    assert len(arrows(tmp_path)) == 3
    kept.commit(MARK)
    assert len(arrows(tmp_path)) == 1
    kept.clear()
    kept.commit(MARK)
    assert not arrows(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"stamp": "s", "version": "x"}', '{"stamp": "s", "version": 1, "at": "2025", "files": 3}'],
)
def test_a_manifest_that_is_none_leaves_nothing_and_says_so(tmp_path: Path, text: str) -> None:
    committed(tmp_path)
    (tmp_path / MANIFEST).write_text(text, encoding="utf-8")
    found = TableCache.open(tmp_path)
    assert found.mark is None
    assert "can't be read" in found.fault
    assert not found.names()


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def full_of_zeros(file: Path) -> None:  # what a lost power supply leaves of a file that was not yet on the disk
    file.write_bytes(bytes(file.stat().st_size))


def lost(file: Path) -> None:
    file.unlink()


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("spoil", [cut_short, full_of_zeros, lost, a_folder])
def test_a_file_that_is_not_what_was_written_is_no_longer_there(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    committed(tmp_path)
    spoil(tmp_path / min(arrows(tmp_path)))
    found = TableCache.open(tmp_path)
    assert found.get("head-1") is None
    assert (found.damaged, list(found.names())) == (1, ["head-2"])
    assert_frame_equal(table(found, "head-2"), TWO)
    assert found.get("never written") is None
    found.put("head-1", ONE)
    found.commit(MARK)
    assert_frame_equal(table(TableCache.open(tmp_path), "head-1"), ONE)


def test_the_manifest_holds_no_path(tmp_path: Path) -> None:
    committed(tmp_path)
    assert str(tmp_path) not in (tmp_path / MANIFEST).read_text(encoding="utf-8")
    assert json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))["at"] == "2025-01-01T05:00:00+00:00"
