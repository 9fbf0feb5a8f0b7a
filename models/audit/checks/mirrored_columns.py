"""Columns that hold what another one will hold only later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.audit.finding import SHOWN, Finding, Severity, inconclusive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

NAME: Final = "columns that run ahead of others"
SHIFTS: Final = tuple(range(1, 8))  # buckets
EQUAL: Final = 0.5  # of the changes that must be the same: more often than not
FEWEST: Final = 20  # changes to compare
DIGITS: Final = 1e-5  # as float32 has them


def running_ahead(panels: Mapping[str, NDArray[np.float64]]) -> Finding:
    """Look for columns whose changes are another one's later changes: nodes x buckets each, of equal shape."""
    found, compared = [], 0
    for ahead, early in panels.items():
        for behind, late in panels.items():
            if ahead == behind:
                continue
            shares = [_equal(early, late, shift) for shift in (0, *SHIFTS)]
            compared += 1
            best = int(np.argmax(shares))
            if best and shares[best] > EQUAL and shares[best] > 2 * shares[0]:
                found.append(
                    (shares[best], f"{ahead} is {behind} of {best} buckets later ({shares[best]:.0%} of changes)")
                )
    if not compared:
        return inconclusive(NAME, "there are fewer than two columns of telemetry")
    found.sort(reverse=True)
    highest = found[0][0] if found else 0.0
    return Finding(
        NAME,
        Severity.FOUND if found else Severity.CLEAR,
        f"{len(found):,} of {compared:,} pairs of columns share over {EQUAL:.0%} of their changes at a shift of "
        f"{SHIFTS[0]} to {SHIFTS[-1]} buckets, and twice as many as without one",
        highest,
        EQUAL,
        tuple(words for _, words in found[:SHOWN]),
        "leave the column out (metrics.ignore), or shift it back to when it was known" if found else "",
    )


def _equal(early: NDArray[np.float64], late: NDArray[np.float64], shift: int) -> float:
    """Give the share of one column's changes that the other one makes so many buckets later, to the digit."""
    width = early.shape[1] - shift
    ours, others = np.diff(early[:, :width], axis=1), np.diff(late[:, shift:], axis=1)
    both = ~np.isnan(ours) & ~np.isnan(others) & (ours != 0)
    if np.count_nonzero(both) < FEWEST:
        return 0.0
    return float(np.mean(np.abs(ours[both] - others[both]) <= DIGITS * np.abs(ours[both])))
