"""Tells a new failure from an old one that goes on, by what was known when it was recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from features.grid import to_step

if TYPE_CHECKING:
    from features.population.event_arrays import EventArrays


def separate(failures: EventArrays) -> EventArrays:
    """Keep the failures that were new when they became known.

    One that started inside, or within 24 hours after, a failure that was known by then belongs to it. What
    becomes known later changes nothing, so counts of the past stay as they were.
    """
    order = np.lexsort((failures.known, failures.start, failures.unit))
    told = failures.take(order)
    starts = np.searchsorted(told.unit, told.unit)
    is_new = [_is_new(told, first, position) for position, first in enumerate(starts)]
    return told.take(np.flatnonzero(is_new))


def _is_new(failures: EventArrays, first: int, position: int) -> bool:
    before, known = slice(first, position), failures.known[position]
    over = (failures.over[before] <= known) & (failures.end[before] + to_step(REPEAT) < failures.start[position])
    return not np.any((failures.known[before] <= known) & ~over)


REPEAT = timedelta(hours=24)  # a failure this soon after another one's end belongs to it
