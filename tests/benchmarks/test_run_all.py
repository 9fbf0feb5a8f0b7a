from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.run_all import BENCHMARKS, FAILED, INCOMPLETE, ROOT, TABLES, Benchmark, page, run

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


def benchmark(module: str, *, needs_records: bool = False) -> Benchmark:
    return Benchmark(f"Benchmark {module}", (TABLES, module), needs_records=needs_records)


def test_a_benchmark_that_works_prints_its_rows_next_to_their_targets(root: Path) -> None:
    result = run(benchmark("works"), root)
    assert (result.exit_code, result.markdown) == (
        0,
        "| what | measured | target |\n| --- | --- | --- |\n| how fast | 3 &#124; 4 times | at least 2 |\n",
    )


def test_a_benchmark_that_fails_shows_why_and_loses_no_other_result(root: Path) -> None:
    broken, working = run(benchmark("breaks"), root), run(benchmark("works"), root)
    assert broken.exit_code == FAILED
    assert broken.markdown == "failed: exit code 1, ValueError: no such thing\n"
    text = page([broken, working], "a machine")
    assert "no such thing" in text
    assert "3 &#124; 4 times" in text


def test_a_benchmark_that_does_not_exist_fails(root: Path) -> None:
    assert "No module named" in run(benchmark("nowhere"), root).markdown


def test_a_benchmark_that_hangs_is_ended(root: Path) -> None:
    result = run(benchmark("hangs"), root, timeout_seconds=1.0)
    assert (result.exit_code, result.markdown) == (FAILED, "failed: not done after 1 s\n")
    assert result.seconds < 10


def test_without_the_public_records_the_benchmarks_on_them_are_not_run(root: Path) -> None:
    result = run(benchmark("works", needs_records=True), root)
    assert (result.exit_code, result.markdown) == (INCOMPLETE, "not run: no ../shared/datasets\n")
    (root.parent / "shared" / "datasets").mkdir(parents=True)
    assert run(benchmark("works", needs_records=True), root).exit_code == 0


def test_titles_of_benchmarks_are_unique_and_their_modules_exist() -> None:
    assert len({benchmark.title for benchmark in BENCHMARKS}) == len(BENCHMARKS) == 12
    modules = {benchmark.command[1] for benchmark in BENCHMARKS if benchmark.command[0] == TABLES}
    modules |= {benchmark.command[0].rpartition(".")[2] for benchmark in BENCHMARKS}
    files = {path.stem for path in (ROOT / "tests" / "benchmarks").glob("*.py")}
    assert modules - files == set()
