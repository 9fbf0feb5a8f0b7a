"""Times commands on a small state, next to importing what they need: `python -m tests.benchmarks.bench_startup`.

Each round runs every process once, so that a ratio compares times of the same minute. `score` also has work to do: its
second run in one process shows how much, and the rest is the time to start.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import nodeward as nw
from tests.benchmarks.tables import HEADER, table
from tests.pipelines.records import write_folder

ROUNDS: Final = 9
LIBRARIES: Final = "import polars, deltalake, sqlalchemy, pydantic, typer"
LEARNER: Final = f"{LIBRARIES}, lightgbm"
COMMAND: Final = "import sys; from pipelines.main import script; sys.argv[1:] = {}; script()"
TWICE: Final = """
import time
from pipelines.main import main
main({0})
start = time.perf_counter()
main({0})
print(time.perf_counter() - start)
"""
SOURCE: Final = ("--set", "clock.now=data")
Row = tuple[str, str, str]


def seconds(code: str, folder: Path) -> float:
    """Return the time that a new Python takes to run the code."""
    start = time.perf_counter()
    _run(code, folder)
    return time.perf_counter() - start


def second_run(command: list[str], folder: Path) -> float:
    """Return the time of a command that has run before in the same process."""
    return float(_run(TWICE.format(command), folder).splitlines()[-1])


def rows() -> list[Row]:
    """Measure, and return each command's time in multiples of the imports."""
    ratios: dict[str, list[float]] = {"status": [], "check": [], "score": []}
    with TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder)
        for _ in range(ROUNDS):
            libraries, learner = seconds(LIBRARIES, folder), seconds(LEARNER, folder)
            for command in ("status", "check"):
                ratios[command].append(seconds(COMMAND.format([command, *SOURCE]), folder) / libraries)
            score = ["score", *SOURCE]
            start = seconds(COMMAND.format(score), folder) - second_run(score, folder)
            ratios["score"].append(start / learner)
    imports = {"status": LIBRARIES, "check": LIBRARIES, "score": LEARNER}
    return [
        (
            f"`nodeward {command}`{', without its work,' if command == 'score' else ''} / `{imports[command]}`",
            f"{median(measured):.2f} [{min(measured):.2f}, {max(measured):.2f}]",
            "at most 2",
        )
        for command, measured in ratios.items()
    ]


def _prepare(folder: Path) -> None:
    """Write, ingest and train on a small fleet."""
    write_folder(folder)
    places = (f"source.path={folder / 'records'}", f"state.path={folder / 'var'}", "clock.now=data")
    fleet = nw.open_fleet(folder / "nodeward.toml", *places)
    nw.ingest(fleet)
    nw.train(fleet)


def _run(code: str, folder: Path) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout  # noqa: S603 - this interpreter


if __name__ == "__main__":
    sys.stdout.write(table(HEADER, rows()))
