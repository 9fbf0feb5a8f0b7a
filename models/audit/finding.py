"""What one test of the records came to, so that every claim carries its number, its threshold and its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SHOWN = 5  # examples of a finding


class Severity(StrEnum):
    """How a test ended.

    `suspicious`: beyond chance, but an honest fleet can look like that. `found`: it makes forecasts look better
    than they are.
    """

    CLEAR = "clear"
    SUSPICIOUS = "suspicious"
    FOUND = "found"
    INCONCLUSIVE = "can't tell"  # too little data for the test


@dataclass(frozen=True, slots=True)
class Finding:
    """One test: its verdict, the figure behind it in words, and the same as numbers.

    `statistic` is held against `threshold`; which of them is exceeded, the figure says. `examples` are nodes,
    times or columns; `mend` is empty where there is nothing to mend.
    """

    name: str
    verdict: Severity
    figure: str
    statistic: float | None = None
    threshold: float | None = None
    examples: tuple[str, ...] = ()
    mend: str = ""


def inconclusive(name: str, why: str) -> Finding:
    """Say that a test could not be made, and why."""
    return Finding(name, Severity.INCONCLUSIVE, why)
