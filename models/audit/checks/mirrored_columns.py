"""Columns whose values are those that another column takes only later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.audit.finding import MOST_EXAMPLES, Finding, Severity, inconclusive

if TYPE_CHECKING:
    from collections.abc import Mapping

    from features.grid import Array

NAME: Final = "columns that run ahead of others"
SHIFTS: Final = tuple(range(1, 8))  # buckets
EQUAL_SHARE: Final = 0.5  # of the changes that must be the same: more often than not
MIN_CHANGES: Final = 20  # changes to compare
TOLERANCE: Final = 1e-5  # relative: the precision of float32
FIX: Final = "leave the column out (metrics.ignore), or shift it back to when it was known"


def check(panels: Mapping[str, Array]) -> Finding:
    """Look for columns whose changes are later changes of another column.

    `panels`: the values of each column, nodes x buckets, all of one shape.
    """
    copies, compared = [], 0
    for name, values in panels.items():
        for later_name, later_values in panels.items():
            if name == later_name:
                continue
            shares = [_equal_share(values, later_values, shift) for shift in (0, *SHIFTS)]
            compared += 1
            best = int(np.argmax(shares))
            if best and shares[best] > EQUAL_SHARE and shares[best] > 2 * shares[0]:
                words = f"{name} is {later_name} of {best} buckets later ({shares[best]:.0%} of changes)"
                copies.append((shares[best], words))
    if not compared:
        return inconclusive(NAME, "there are fewer than two columns of telemetry")
    copies.sort(reverse=True)
    return Finding(
        NAME,
        Severity.FOUND if copies else Severity.CLEAR,
        f"{len(copies):,} of {compared:,} pairs of columns share over {EQUAL_SHARE:.0%} of their changes at a shift of "
        f"{SHIFTS[0]} to {SHIFTS[-1]} buckets, and twice as many as without one",
        copies[0][0] if copies else 0.0,
        EQUAL_SHARE,
        tuple(words for _, words in copies[:MOST_EXAMPLES]),
        FIX if copies else "",
    )


def _equal_share(values: Array, later_values: Array, shift: int) -> float:
    """Return the share of one column's changes that equal those of the other one so many buckets later."""
    width = values.shape[1] - shift
    changes, later_changes = np.diff(values[:, :width], axis=1), np.diff(later_values[:, shift:], axis=1)
    is_compared = ~np.isnan(changes) & ~np.isnan(later_changes) & (changes != 0)
    if np.count_nonzero(is_compared) < MIN_CHANGES:
        return 0.0
    changes, later_changes = changes[is_compared], later_changes[is_compared]
    return float(np.mean(np.abs(changes - later_changes) <= TOLERANCE * np.abs(changes)))
