"""Clusters of failures in time that a Poisson process would not make, found by a scan statistic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import poisson

from features.grid import DAY
from models.audit.significance import LEVEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Index, Times

MINUTE: Final = np.timedelta64(60_000_000, "us")
SURROUNDINGS: Final = 14 * DAY  # on both sides of a window: the usual rate is that of this time
MIN_NODES: Final = 3  # nodes that make a cluster
WINDOWS: Final = (10 * MINUTE, 60 * MINUTE)


@dataclass(frozen=True, slots=True)
class FailureTimes:
    """When failures start, ascending, and at which node (as a position)."""

    start: Times
    node: Index

    @property
    def has_dates_only(self) -> bool:
        """Return whether most starts are dates without a time of day."""
        return len(self.start) > 0 and bool(np.mean(self._time_of_day == np.timedelta64(0)) > 1 / 2)

    @property
    def with_time_of_day(self) -> Times:
        """Return the starts that have a time of day."""
        return self.start[self._time_of_day > np.timedelta64(0)]

    @property
    def _time_of_day(self) -> NDArray[np.timedelta64]:
        return np.asarray(self.start - self.start.astype("datetime64[D]"))


def find_clusters(failures: FailureTimes) -> list[slice]:
    """Return the runs of failures that are too many for their time.

    A window that opens with a failure and holds N nodes has the probability P(X >= N - 1), X Poisson with the rate of
    the 14 days on both sides; it is a cluster below LEVEL, corrected for every window that was tested (Bonferroni).
    """
    start = failures.start
    widths = (DAY - MINUTE,) if failures.has_dates_only else WINDOWS
    clusters: list[tuple[int, int]] = []
    for width in widths:
        ends = np.searchsorted(start, start + width, "right")
        around = np.searchsorted(start, start + width + SURROUNDINGS, "right") - np.searchsorted(
            start, start - SURROUNDINGS
        )
        inside = ends - np.arange(len(ends))
        mean = np.maximum(around - inside, 1) / (2 * SURROUNDINGS).astype(float) * width.astype(float)
        nodes = np.array([len(np.unique(failures.node[begin:end])) for begin, end in enumerate(ends)], dtype=np.int64)
        is_rare = (nodes >= MIN_NODES) & (poisson.sf(nodes - 2, mean) * len(ends) * len(widths) < LEVEL)
        clusters += [(int(begin), int(ends[begin])) for begin in np.flatnonzero(is_rare)]
    return _joined(sorted(clusters))


def _joined(spans: list[tuple[int, int]]) -> list[slice]:
    """Join spans that overlap."""
    joined: list[slice] = []
    for begin, end in spans:
        if joined and begin < joined[-1].stop:
            joined[-1] = slice(joined[-1].start, max(end, joined[-1].stop))
        else:
            joined.append(slice(begin, end))
    return joined


def rayleigh(times: Times, period: np.timedelta64) -> tuple[float, float]:
    """Test whether times concentrate at one point of a period; return the mean resultant length (0 to 1), and p.

    Rayleigh's test, p by Zar (1999, equation 27.4).
    """
    count = len(times)
    if not count:
        return 0.0, 1.0
    angle = 2 * np.pi * ((times - np.datetime64(0, "us")) % period / period)
    length = float(np.hypot(np.cos(angle).sum(), np.sin(angle).sum()))
    p = float(np.exp(np.sqrt(1 + 4 * count + 4 * max(count**2 - length**2, 0.0)) - (1 + 2 * count)))
    return length / count, min(p, 1.0)
