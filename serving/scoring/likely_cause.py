"""The likely cause of the failure that a score forecasts, as people read it: 'memory 62%', or why nobody can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from serving.explanation.reason import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class LikelyCause:
    """A cause and its probability if the node fails; or 'unknown', and why."""

    cause: str = UNKNOWN
    probability: float | None = None
    note: str = ""

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> LikelyCause:
        """Read it from a row of scores; one by an earlier Nodeward says nothing."""
        return cls(row["cause"] or UNKNOWN, row["cause_probability"], row["cause_note"] or "")

    @property
    def is_known(self) -> bool:
        """Say whether one cause is likely enough."""
        return self.probability is not None

    def __str__(self) -> str:
        """Say it after 'likely cause: '."""
        if self.probability is not None:
            return f"{self.cause} {self.probability:.0%}"
        return f"{self.cause} ({self.note})" if self.note else self.cause


def with_cause(likely: LikelyCause, reasons: str) -> str:
    """Put the likely cause before the reasons, on one line with them, if it is known."""
    said = f"likely cause: {likely}" if likely.is_known else ""
    return SEPARATOR.join(part for part in (said, reasons) if part)


def counted(likely: Sequence[LikelyCause]) -> str:
    """Say of how many nodes the likely cause is known; if of none, why, where one reason holds for all.

    What stands before a reason's colon, the causes that lead, differs from node to node.
    """
    known, notes = sum(one.is_known for one in likely), {one.note.rpartition(": ")[2] for one in likely}
    if known:
        return f"likely cause: known of {known:,} of {len(likely):,} nodes"
    why = f": {notes.pop()}" if len(notes) == 1 and "" not in notes else ""
    return f"likely cause: unknown of every node{why}" if likely else ""
