"""The cache is as the last commit left it, even if a process was killed since."""

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

FIRST, SECOND = pl.DataFrame({"node": ["été"], "x": [float("nan")]}), pl.DataFrame({"node": ["b"], "x": [2.0]})
ORIGIN = CacheOrigin("stamp", 7, datetime(2025, 1, 1, 5, tzinfo=UTC))


def committed_cache(folder: Path) -> TableCache:
    cache = TableCache.open(folder)
    cache.put("head-1", FIRST)
    cache.put("head-2", SECOND)
    cache.commit(ORIGIN)
    return cache


def table_of(cache: TableCache, name: str) -> pl.DataFrame:
    table = cache.get(name)
    assert table is not None
    return table


def arrow_files(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.arrow")}


def test_committed_tables_are_read_by_the_next_process(tmp_path: Path) -> None:
    committed_cache(tmp_path / "new")
    cache = TableCache.open(tmp_path / "new")
    assert cache.origin == ORIGIN
    assert sorted(cache.names()) == ["head-1", "head-2"]
    assert_frame_equal(table_of(cache, "head-1"), FIRST)


def test_a_folder_without_a_manifest_is_empty_without_a_fault(tmp_path: Path) -> None:
    cache = TableCache.open(tmp_path / "none")
    assert (cache.origin, cache.fault, list(cache.names())) == (None, "", [])


def test_a_process_killed_before_its_commit_leaves_the_previous_one(tmp_path: Path) -> None:
    committed_cache(tmp_path)
    killed = TableCache.open(tmp_path)
    killed.drop("head-1")
    killed.put("head-2", FIRST)
    killed.put("head-3", FIRST)
    cache = TableCache.open(tmp_path)
    assert cache.origin == ORIGIN
    assert_frame_equal(table_of(cache, "head-2"), SECOND)
    assert sorted(cache.names()) == ["head-1", "head-2"]
    cache.put("head-3", SECOND)  # writes the same file again
    cache.commit(ORIGIN)
    assert_frame_equal(table_of(TableCache.open(tmp_path), "head-3"), SECOND)
    assert len(arrow_files(tmp_path)) == 3, "the killed process leaves nothing behind"


def test_files_that_no_table_needs_are_removed(tmp_path: Path) -> None:
    cache = committed_cache(tmp_path)
    cache.put("head-2", FIRST)
    cache.drop("head-1")
    assert len(arrow_files(tmp_path)) == 3
    cache.commit(ORIGIN)
    assert len(arrow_files(tmp_path)) == 1
    cache.clear()
    cache.commit(ORIGIN)
    assert not arrow_files(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"stamp": "s", "version": "x"}', '{"stamp": "s", "version": 1, "at": "2025", "files": 3}'],
)
def test_an_unreadable_manifest_means_no_tables_and_a_fault(tmp_path: Path, text: str) -> None:
    committed_cache(tmp_path)
    (tmp_path / MANIFEST).write_text(text, encoding="utf-8")
    cache = TableCache.open(tmp_path)
    assert cache.origin is None
    assert "can't be read" in cache.fault
    assert not cache.names()


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def full_of_zeros(file: Path) -> None:  # what a power failure leaves of a file that was not yet on the disk
    file.write_bytes(bytes(file.stat().st_size))


def missing(file: Path) -> None:
    file.unlink()


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("damage", [cut_short, full_of_zeros, missing, a_folder])
def test_a_file_that_is_not_what_was_written_counts_as_missing(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    committed_cache(tmp_path)
    damage(tmp_path / min(arrow_files(tmp_path)))
    cache = TableCache.open(tmp_path)
    assert cache.get("head-1") is None
    assert (cache.damaged, list(cache.names())) == (1, ["head-2"])
    assert_frame_equal(table_of(cache, "head-2"), SECOND)
    assert cache.get("never written") is None
    cache.put("head-1", FIRST)
    cache.commit(ORIGIN)
    assert_frame_equal(table_of(TableCache.open(tmp_path), "head-1"), FIRST)


def test_the_manifest_contains_no_path(tmp_path: Path) -> None:
    committed_cache(tmp_path)
    assert str(tmp_path) not in (tmp_path / MANIFEST).read_text(encoding="utf-8")
    assert json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))["at"] == "2025-01-01T05:00:00+00:00"
