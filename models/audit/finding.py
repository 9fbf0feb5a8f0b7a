"""The result of one check of the records: a verdict with its number, its threshold and its remedy."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

MOST_EXAMPLES = 5  # of a finding


class Severity(StrEnum):
    """How a check ended.

    `suspicious`: beyond chance, but correct records can look like that. `found`: it makes forecasts look better
    than they are.
    """

    CLEAR = "clear"
    SUSPICIOUS = "suspicious"
    FOUND = "found"
    INCONCLUSIVE = "can't tell"  # too little data for the check


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: its verdict, and the figure behind it as text and as numbers.

    `statistic` is compared with `threshold`; `figure` states which of the two is exceeded. `examples` are nodes,
    times or columns; `fix` is how to correct the records, empty where there is nothing to correct.
    """

    name: str
    verdict: Severity
    figure: str
    statistic: float | None = None
    threshold: float | None = None
    examples: tuple[str, ...] = ()
    fix: str = field(default="", metadata={"json": "mend"})


def inconclusive(name: str, why: str) -> Finding:
    """Return the finding of a check that could not be made, with the reason."""
    return Finding(name, Severity.INCONCLUSIVE, why)
