"""Draws the cutoffs of training rows: a site that scores every few minutes need not learn from every few minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from data.time_grid import DAY
from features.grid import to_step
from features.population.at_risk import cutoffs_until
from features.training.labels import Outcomes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Array, Times

FEWEST_ROWS: Final = 500_000  # nodes x cutoffs: up to here, nothing is left out
BEFORE_FAILURES: Final = 0.25  # cutoffs drawn because a failure follows, relative to those drawn by time


@dataclass(frozen=True, slots=True)
class CutoffSample:
    """The cutoffs that were drawn, and the inverse of each one's chance to be drawn."""

    cutoffs: Times
    weight: Array


def draw_cutoffs(
    view: View, start: np.datetime64, every: timedelta, horizons: Sequence[timedelta], rng: np.random.Generator
) -> CutoffSample:
    """Draw cutoffs from all those of a view, which come every so often from `start` to its time.

    A step of a day or more leaves none out. With a shorter one, a random cutoff of each day is drawn, or of a part of
    a day as long as a small fleet needs for FEWEST_ROWS: so every hour of the day is seen. And of the cutoffs that a
    failure follows within an interval between horizons that is shorter than a day, some more are drawn, since a random
    one would miss most of these. The chances are known, so that weighted rows stand for all (Horvitz and Thompson
    1952).
    """
    cutoffs = cutoffs_until(view, start, every)
    nodes = max(view.nodes().height, 1)
    run = int(min(DAY // every, nodes * len(cutoffs) // FEWEST_ROWS))
    if run <= 1:
        return CutoffSample(cutoffs, np.ones(len(cutoffs)))
    runs = -(-len(cutoffs) // run)
    is_drawn = np.zeros(runs * run, dtype=bool)
    is_drawn[np.arange(runs) * run + rng.integers(run, size=runs)] = True
    is_drawn, missed = is_drawn[-len(cutoffs) :], np.full(len(cutoffs), 1 - 1 / run)
    for before in _before_failures(view, cutoffs, horizons):
        chance = min(1.0, BEFORE_FAILURES * runs / max(int(before.sum()), 1))
        is_drawn |= before & (rng.random(len(cutoffs)) < chance)
        missed[before] *= 1 - chance
    return CutoffSample(cutoffs[is_drawn], 1 / (1 - missed[is_drawn]))


def _before_failures(view: View, cutoffs: Times, horizons: Sequence[timedelta]) -> list[NDArray[np.bool_]]:
    """Mark, for each interval shorter than a day, the cutoffs that any failure follows in it."""
    failures = np.sort(Outcomes.of(view, ()).failure_start)
    marks = []
    for begin, end in pairwise([timedelta(0), *horizons]):
        if end - begin < DAY:
            first, last = (np.searchsorted(failures, cutoffs + to_step(bound), side="right") for bound in (begin, end))
            marks.append(last > first)
    return marks
