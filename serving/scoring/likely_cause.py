"""The likely cause of the failure that a score forecasts, as people read it: 'memory 62%', or why it is unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from serving.explanation.reason import SEPARATOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class LikelyCause:
    """A cause and its probability if the node fails; or 'unknown', with a note on why."""

    cause: str = UNKNOWN
    probability: float | None = None
    note: str = ""

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> LikelyCause:
        """Read the likely cause from a row of scores; unknown if an earlier Nodeward wrote the row without one."""
        return cls(row["cause"] or UNKNOWN, row["cause_probability"], row["cause_note"] or "")

    @property
    def is_known(self) -> bool:
        """Return whether one cause is likely enough."""
        return self.probability is not None

    def __str__(self) -> str:
        """Return the text that follows 'likely cause: '."""
        if self.probability is not None:
            return f"{self.cause} {self.probability:.0%}"
        return f"{self.cause} ({self.note})" if self.note else self.cause


def with_likely_cause(likely_cause: LikelyCause, reasons: str) -> str:
    """Return the reasons on one line, after the likely cause if it is known."""
    cause = f"likely cause: {likely_cause}" if likely_cause.is_known else ""
    return SEPARATOR.join(text for text in (cause, reasons) if text)


def likely_cause_summary(likely_causes: Sequence[LikelyCause]) -> str:
    """Return for how many nodes the likely cause is known; if for none, the reason if all nodes have the same.

    The part of a note before its last colon lists the causes that lead, which differ from node to node.
    """
    if not likely_causes:
        return ""
    if count := sum(likely_cause.is_known for likely_cause in likely_causes):
        return f"likely cause: known for {count:,} of {len(likely_causes):,} nodes"
    notes = {likely_cause.note.rpartition(": ")[2] for likely_cause in likely_causes}
    note = f": {notes.pop()}" if len(notes) == 1 and "" not in notes else ""
    return f"likely cause: unknown for every node{note}"
