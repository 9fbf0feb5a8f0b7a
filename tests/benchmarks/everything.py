"""Runs every benchmark, one after another and each in a process of its own, and writes `docs/benchmarks.md`.

Exit code: 0; 1 if one failed; 3 if the public records, `../shared/datasets`, are missing. The page then says so.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipelines.settings.environment import THREAD_DEFAULTS, set_default_variables
from tests.benchmarks.machine import facts

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT: Final = Path(__file__).parents[2]
RECORDS: Final = Path("../shared/datasets")
PAGE: Final = Path("docs/benchmarks.md")
TABLES: Final = "tests.benchmarks.tables"
RIVALS: Final = "tests.benchmarks.bench_rivals"
LONGEST_SECONDS: Final = 1800.0
FAILED: Final = 1
INCOMPLETE: Final = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One benchmark: a module to run with arguments, which prints Markdown."""

    title: str
    command: tuple[str, ...]
    needs_records: bool


PARTS: Final = (
    Part("Window features", (TABLES, "bench_windows"), needs_records=False),
    Part("Features out of core", (TABLES, "bench_memory"), needs_records=False),
    Part("The catalogue on real records", (TABLES, "bench_catalogue"), needs_records=True),
    Part("Refreshing by an hour", (TABLES, "bench_refresh"), needs_records=False),
    Part("Training", (TABLES, "bench_train"), needs_records=True),
    Part("Scoring", (TABLES, "bench_score"), needs_records=False),
    Part("Judging", (TABLES, "bench_evaluate"), needs_records=False),
    Part("Rivals on Marconi100", (RIVALS, "examples/m100.toml", "2021-07-01"), needs_records=True),
    Part("Rivals on Backblaze", (RIVALS, "examples/backblaze.toml", "2015-07-01"), needs_records=True),
    Part("Rivals on LANL", (RIVALS, "examples/lanl.toml", "2003-01-01"), needs_records=True),
)

INTRODUCTION: Final = """# Benchmarks

Made by `make bench`, which needs the public records in `../shared/datasets` ([where they come
from](public_records.md)) and an idle machine; it writes this page anew. One part alone: the command below its title,
with the Python of `build/bench`. What stands in one table was measured side by side in one run. A time is this
machine's; ratios of times carry over better.
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a part."""

    part: Part
    markdown: str
    exit_code: int
    seconds: float

    def section(self) -> str:
        """Give the part's section of the page."""
        command = f"`python -m {' '.join(self.part.command)}`"
        return f"## {self.part.title}\n\n{command}, {self.seconds:.0f} s\n\n{self.markdown}"


def run(part: Part, root: Path, longest_seconds: float = LONGEST_SECONDS) -> Outcome:
    """Run one part in a process of its own; what goes wrong there is its outcome."""
    if part.needs_records and not (root / RECORDS).is_dir():
        return Outcome(part, f"not run: no {RECORDS}\n", INCOMPLETE, 0.0)
    began = time.monotonic()
    try:
        command = [sys.executable, "-m", *part.command]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=longest_seconds, check=False)  # noqa: S603  - our own modules
    except subprocess.TimeoutExpired:
        return Outcome(part, f"failed: not done after {longest_seconds:g} s\n", FAILED, time.monotonic() - began)
    seconds = time.monotonic() - began
    if done.returncode == 0:
        return Outcome(part, done.stdout, 0, seconds)
    sys.stderr.write(done.stderr)
    last = (done.stderr.strip() or "no message").splitlines()[-1]
    return Outcome(part, f"failed: exit code {done.returncode}, {last}\n", FAILED, seconds)


def page(outcomes: Sequence[Outcome], machine: str) -> str:
    """Put the page together."""
    total = sum(outcome.seconds for outcome in outcomes)
    head = f"{INTRODUCTION}\n## The machine\n\n{machine}\nAll parts together took {total / 60:.0f} minutes.\n"
    return "\n".join([head, *(outcome.section() for outcome in outcomes)])


def main() -> int:
    """Run all parts, say how each went, and write the page."""
    set_default_variables(THREAD_DEFAULTS)
    machine, outcomes = facts(), []
    for number, part in enumerate(PARTS, start=1):
        sys.stdout.write(f"[{number}/{len(PARTS)}] {part.title} ...\n")
        sys.stdout.flush()
        outcomes.append(run(part, ROOT))
        sys.stdout.write(f"{outcomes[-1].markdown}{outcomes[-1].seconds:.0f} s\n\n")
    (ROOT / PAGE).write_text(page(outcomes, machine), encoding="utf-8")
    codes = {outcome.exit_code for outcome in outcomes} - {0}
    return min(codes, default=0)


if __name__ == "__main__":
    sys.exit(main())
