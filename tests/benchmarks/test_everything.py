from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.everything import FAILED, INCOMPLETE, PARTS, ROOT, TABLES, Part, page, run

if TYPE_CHECKING:
    from pathlib import Path

WORKS = "def rows():\n    return [('how fast', '3 | 4 times', 'at least 2')]\n"
BREAKS = "def rows():\n    raise ValueError('no such thing')\n"
HANGS = "import time\ndef rows():\n    time.sleep(60)\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repository" / "tests" / "benchmarks"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "__init__.py").touch()
    shutil.copy(ROOT / "tests" / "benchmarks" / "tables.py", folder)
    for name, code in (("works", WORKS), ("breaks", BREAKS), ("hangs", HANGS)):
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    return tmp_path / "repository"


def part(module: str, *, needs_records: bool = False) -> Part:
    return Part(f"The {module} one", (TABLES, module), needs_records=needs_records)


def test_a_benchmark_that_works_gives_its_rows_beside_their_targets(root: Path) -> None:
    done = run(part("works"), root)
    assert (done.exit_code, done.markdown) == (
        0,
        "| what | measured | target |\n| --- | --- | --- |\n| how fast | 3 &#124; 4 times | at least 2 |\n",
    )


def test_a_benchmark_that_fails_says_why_and_loses_nobody_elses_result(root: Path) -> None:
    told = [run(part("breaks"), root), run(part("works"), root)]
    assert told[0].exit_code == FAILED
    assert told[0].markdown == "failed: exit code 1, ValueError: no such thing\n"
    text = page(told, "a machine")
    assert "no such thing" in text
    assert "3 &#124; 4 times" in text


def test_a_benchmark_that_is_not_there_fails(root: Path) -> None:
    assert "No module named" in run(part("nowhere"), root).markdown


def test_a_benchmark_that_hangs_is_ended(root: Path) -> None:
    done = run(part("hangs"), root, longest_seconds=1.0)
    assert (done.exit_code, done.markdown) == (FAILED, "failed: not done after 1 s\n")
    assert done.seconds < 10


def test_without_the_public_records_their_part_is_not_run_and_says_so(root: Path) -> None:
    done = run(part("works", needs_records=True), root)
    assert (done.exit_code, done.markdown) == (INCOMPLETE, "not run: no ../shared/datasets\n")
    (root.parent / "shared" / "datasets").mkdir(parents=True)
    assert run(part("works", needs_records=True), root).exit_code == 0


def test_every_part_has_a_title_of_its_own() -> None:
    assert len({one.title for one in PARTS}) == len(PARTS)
