"""Groups of failures in time that a Poisson process would not make, found by a scan statistic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import poisson

from models.audit.significance import LEVEL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Times

MINUTE: Final = np.timedelta64(60_000_000, "us")
DAY: Final = 1440 * MINUTE
AROUND: Final = 14 * DAY  # on both sides: what tells the usual rate
FEWEST: Final = 3  # nodes that make a group
WINDOWS: Final = (10 * MINUTE, 60 * MINUTE)


@dataclass(frozen=True, slots=True)
class Starts:
    """When failures start, rising, and at which node (as a position)."""

    start: Times
    node: NDArray[np.int64]

    @property
    def is_dated(self) -> bool:
        """Tell whether most starts are dates without a time of day."""
        return len(self.start) > 0 and bool(np.mean(self._time_of_day == np.timedelta64(0)) > 1 / 2)

    @property
    def timed(self) -> Times:
        """Give the starts that have a time of day."""
        return self.start[self._time_of_day > np.timedelta64(0)]

    @property
    def _time_of_day(self) -> NDArray[np.timedelta64]:
        return np.asarray(self.start - self.start.astype("datetime64[D]"))


def groups(starts: Starts) -> list[slice]:
    """Give the runs of failures that are too many for their time.

    A window that opens with a failure and holds N nodes has the chance P(X >= N - 1), X Poisson with the rate of
    the 14 days on both sides; it is a group below LEVEL, corrected for every window that was looked at (Bonferroni).
    """
    widths = (DAY - MINUTE,) if starts.is_dated else WINDOWS
    found: list[tuple[int, int]] = []
    for width in widths:
        stop = np.searchsorted(starts.start, starts.start + width, "right")
        around = np.searchsorted(starts.start, starts.start + width + AROUND, "right") - np.searchsorted(
            starts.start, starts.start - AROUND
        )
        inside = stop - np.arange(len(stop))
        mean = np.maximum(around - inside, 1) / (2 * AROUND).astype(float) * width.astype(float)
        nodes = np.array([len(np.unique(starts.node[at:end])) for at, end in enumerate(stop)], dtype=np.int64)
        rare = (nodes >= FEWEST) & (poisson.sf(nodes - 2, mean) * len(stop) * len(widths) < LEVEL)
        found += [(int(at), int(stop[at])) for at in np.flatnonzero(rare)]
    return _joined(sorted(found))


def _joined(spans: list[tuple[int, int]]) -> list[slice]:
    out: list[slice] = []
    for begin, end in spans:
        if out and begin < out[-1].stop:
            out[-1] = slice(out[-1].start, max(end, out[-1].stop))
        else:
            out.append(slice(begin, end))
    return out


def rayleigh(starts: Times, period: np.timedelta64) -> tuple[float, float]:
    """Test whether times gather at one point of a period: mean resultant length (0 to 1), and p.

    Rayleigh's test, p by Zar (1999, equation 27.4).
    """
    count = len(starts)
    if not count:
        return 0.0, 1.0
    angle = 2 * np.pi * ((starts - np.datetime64(0, "us")) % period / period)
    length = float(np.hypot(np.cos(angle).sum(), np.sin(angle).sum()))
    p = float(np.exp(np.sqrt(1 + 4 * count + 4 * max(count**2 - length**2, 0.0)) - (1 + 2 * count)))
    return length / count, min(p, 1.0)
