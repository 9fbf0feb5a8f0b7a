"""Markdown tables of measurements: `python -m tests.benchmarks.tables bench_windows` measures and prints one."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HEADER: Final = ("what", "measured", "target")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format rows below a header; a pipe in a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def main(module: str) -> None:
    """Print what a benchmark's `rows()` measured, next to its targets."""
    sys.stdout.write(table(HEADER, import_module(f"tests.benchmarks.{module}").rows()))


if __name__ == "__main__":
    main(*sys.argv[1:])
