"""Separates a new failure from an earlier one that continues, by what was known when it was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.grid import to_step

if TYPE_CHECKING:
    from datetime import timedelta

    from features.population.event_arrays import EventArrays


def without_repeats(failures: EventArrays, repeat: timedelta) -> EventArrays:
    """Keep the failures that were new when they became known.

    A failure that started inside, or within `repeat` after, another one that was known by then is part of that one.
    What becomes known later changes nothing, so counts of the past stay as they were.
    """
    order = np.lexsort((failures.known_at, failures.start, failures.unit))
    failures = failures.take(order)
    first_of_unit = np.searchsorted(failures.unit, failures.unit)
    is_new = [_is_new(failures, first, position, to_step(repeat)) for position, first in enumerate(first_of_unit)]
    return failures.take(np.flatnonzero(is_new))


def _is_new(failures: EventArrays, first: int, position: int, repeat: np.timedelta64) -> bool:
    earlier, known_at = slice(first, position), failures.known_at[position]
    is_over = (failures.end_known_at[earlier] <= known_at) & (failures.end[earlier] + repeat < failures.start[position])
    return not np.any((failures.known_at[earlier] <= known_at) & ~is_over)
