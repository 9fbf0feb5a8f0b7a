"""Runs every benchmark, one after another in a process each, and writes `docs/benchmarks.md`.

Exit code: 0; 1 if one failed; 3 if the public records, `../shared/datasets`, are missing. The page then shows it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipelines.settings.environment import THREAD_DEFAULTS, set_default_variables
from tests.benchmarks.machine import machine_table

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).parents[2]
RECORDS: Final = Path("../shared/datasets")
PAGE: Final = Path("docs/benchmarks.md")
TABLES: Final = "tests.benchmarks.tables"
LEARNERS: Final = "tests.benchmarks.bench_learners"
TIMEOUT_SECONDS: Final = 1800.0
FAILED: Final = 1
INCOMPLETE: Final = 3


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A module to run with arguments, which prints Markdown."""

    title: str
    command: tuple[str, ...]
    needs_records: bool


BENCHMARKS: Final = (
    Benchmark("Window features", (TABLES, "bench_windows"), needs_records=False),
    Benchmark("Features out of core", (TABLES, "bench_memory"), needs_records=False),
    Benchmark("The catalogue on real records", (TABLES, "bench_catalogue"), needs_records=True),
    Benchmark("Refreshing by an hour", (TABLES, "bench_refresh"), needs_records=False),
    Benchmark("Training", (TABLES, "bench_train"), needs_records=True),
    Benchmark("Training every hour", (TABLES, "bench_cadence"), needs_records=False),
    Benchmark("Scoring", (TABLES, "bench_score"), needs_records=False),
    Benchmark("Starting commands", (TABLES, "bench_startup"), needs_records=False),
    Benchmark("Evaluation", (TABLES, "bench_evaluate"), needs_records=False),
    Benchmark("Other learners on Marconi100", (LEARNERS, "examples/m100.toml", "2021-07-01"), needs_records=True),
    Benchmark("Other learners on Backblaze", (LEARNERS, "examples/backblaze.toml", "2015-07-01"), needs_records=True),
    Benchmark("Other learners on LANL", (LEARNERS, "examples/lanl.toml", "2003-01-01"), needs_records=True),
)

INTRODUCTION: Final = """# Benchmarks

Written by `make bench`, which needs the public records in `../shared/datasets` ([where they come
from](public_records.md)) and an idle machine; it replaces this page. To run a single benchmark, use the command below
its title with the Python of `build/bench`. All figures of a table were measured in the same run. Times are those of
this machine; ratios of times are less dependent on it.
"""


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """What a benchmark printed, or why it failed."""

    benchmark: Benchmark
    markdown: str
    exit_code: int
    seconds: float

    def section(self) -> str:
        """Return the benchmark's section of the page."""
        command = f"`python -m {' '.join(self.benchmark.command)}`"
        return f"## {self.benchmark.title}\n\n{command}, {self.seconds:.0f} s\n\n{self.markdown}"


def run(benchmark: Benchmark, root: Path, timeout_seconds: float = TIMEOUT_SECONDS) -> BenchmarkResult:
    """Run a benchmark in a separate process; an error there is its result."""
    if benchmark.needs_records and not (root / RECORDS).is_dir():
        return BenchmarkResult(benchmark, f"not run: no {RECORDS}\n", INCOMPLETE, 0.0)
    command, began = [sys.executable, "-m", *benchmark.command], time.monotonic()
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=timeout_seconds, check=False)  # noqa: S603  - our own modules
    except subprocess.TimeoutExpired:
        message = f"failed: not done after {timeout_seconds:g} s\n"
        return BenchmarkResult(benchmark, message, FAILED, time.monotonic() - began)
    seconds = time.monotonic() - began
    if done.returncode == 0:
        return BenchmarkResult(benchmark, done.stdout, 0, seconds)
    sys.stderr.write(done.stderr)
    last_line = (done.stderr.strip() or "no message").splitlines()[-1]
    return BenchmarkResult(benchmark, f"failed: exit code {done.returncode}, {last_line}\n", FAILED, seconds)


def page(results: Sequence[BenchmarkResult], machine: str) -> str:
    """Return the whole page."""
    total = sum(result.seconds for result in results)
    head = f"{INTRODUCTION}\n## The machine\n\n{machine}\nAll benchmarks together took {total / 60:.0f} minutes.\n"
    return "\n".join([head, *(result.section() for result in results)])


def main() -> int:
    """Run all benchmarks, print each result, and write the page."""
    set_default_variables(THREAD_DEFAULTS)
    machine, results = machine_table(), []
    for number, benchmark in enumerate(BENCHMARKS, start=1):
        sys.stdout.write(f"[{number}/{len(BENCHMARKS)}] {benchmark.title} ...\n")
        sys.stdout.flush()
        results.append(run(benchmark, ROOT))
        sys.stdout.write(f"{results[-1].markdown}{results[-1].seconds:.0f} s\n\n")
    (ROOT / PAGE).write_text(page(results, machine), encoding="utf-8")
    codes = {result.exit_code for result in results} - {0}
    return min(codes, default=0)


if __name__ == "__main__":
    sys.exit(main())
