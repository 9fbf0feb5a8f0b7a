"""The severity of each symptom at each time: precursors as curves from 0 to 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from data.simulator.history.failure_modes import Symptom

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from data.simulator.history.arrays import Floats
    from data.simulator.history.node_life import Precursor

INTERMITTENT_HOURS: Final = 5.0  # how long an intermittent precursor is visible, and then invisible


def severities(precursors: Sequence[Precursor], times: Floats) -> Mapping[Symptom, Floats]:
    """Return the severity of every symptom at some times; the largest one where precursors overlap."""
    severities = {symptom: np.zeros(len(times)) for symptom in Symptom}
    for precursor in precursors:
        low, high = np.searchsorted(times, (precursor.start, precursor.end))
        values = severities[precursor.symptom]
        values[low:high] = np.maximum(values[low:high], severity(precursor, times[low:high]))
    return severities


def severity(precursor: Precursor, times: Floats) -> Floats:
    """Return the severity of a precursor at times within it; without a failure at its end it rises and falls."""
    share = (times - precursor.start) / (precursor.end - precursor.start)
    rise = share**precursor.shape if precursor.ends_in_failure else np.sin(np.pi * share)
    is_visible: Floats | float = 1.0
    if precursor.is_intermittent:
        is_visible = np.floor((times - precursor.start) / INTERMITTENT_HOURS) % 2 == 0
    return np.asarray(precursor.peak * rise * is_visible)
