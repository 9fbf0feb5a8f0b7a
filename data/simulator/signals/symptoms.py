"""How bad each thing is at each time: precursors as curves from 0 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from data.simulator.history.failure_modes import Symptom

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from data.simulator.history.arrays import Floats
    from data.simulator.history.node_life import Precursor

FIT_HOURS: Final = 5.0  # how long a fitful precursor shows, and then hides


def severities(precursors: Sequence[Precursor], times: Floats) -> Mapping[Symptom, Floats]:
    """Give the severity of every symptom at some times; the worst one counts where two overlap."""
    found = {symptom: np.zeros(len(times)) for symptom in Symptom}
    for one in precursors:
        low, high = np.searchsorted(times, (one.start, one.end))
        found[one.symptom][low:high] = np.maximum(found[one.symptom][low:high], severity(one, times[low:high]))
    return found


def severity(one: Precursor, times: Floats) -> Floats:
    """Give how bad a precursor is at times within it; one that ends in no failure goes back down."""
    share = (times - one.start) / (one.end - one.start)
    rise = share**one.shape if one.ends_in_failure else np.sin(np.pi * share)
    shows = np.floor((times - one.start) / FIT_HOURS) % 2 == 0 if one.is_fitful else 1.0
    return np.asarray(one.peak * rise * shows)
