"""Runs the longest loops whole, which CI runs small, and writes docs/endurance.md: `python -m tests.endurance`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from tests.benchmarks.machine import machine_table
from tests.benchmarks.tables import table

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "endurance.md"
OPTION: Final = "--endurance"
INTRODUCTION: Final = """# Endurance

Written by `make endurance`, which replaces this page: the tests whose loops are too long for every change, run whole.
`make integration` runs each of them with a few turns.
"""


def main() -> int:
    """Run the marked tests, and write what they counted; return pytest's exit code."""
    machine = machine_table()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "tests/integration",
            "-m",
            "endurance",
            OPTION,
            f"--junitxml={results}",
            "--override-ini=junit_family=xunit1",  # keeps what a test counted
        ]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - the interpreter that runs this
        rows = list(_rows(ET.parse(results).getroot()))  # noqa: S314 - pytest wrote it a moment ago
    page = table(("what", "counted", "minutes", "result"), rows)
    PAGE.write_text(f"{INTRODUCTION}\n{page}\n## The machine\n\n{machine}", encoding="utf-8")
    return code


def _rows(results: ET.Element) -> Iterator[tuple[str, str, str, str]]:
    for case in results.iter("testcase"):
        counted = ", ".join(f"{each.get('value')} {each.get('name')}" for each in case.iter("property"))
        is_failed = case.find("failure") is not None or case.find("error") is not None
        name = case.get("name", "").removeprefix("test_").replace("_", " ")
        minutes = float(case.get("time", "0")) / 60
        yield name, counted, f"{minutes:.1f}", "failed" if is_failed else "passed"


if __name__ == "__main__":
    sys.exit(main())
