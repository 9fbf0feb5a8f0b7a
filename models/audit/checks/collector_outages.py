"""Failures that begin with an outage of the collectors: silence that was taken for death."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.audit.finding import SHOWN, Finding, Severity, inconclusive
from models.audit.significance import LEVEL, beyond, judge, p_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from features.grid import Times

NAME: Final = "failures with collector outages"
SHIFTS: Final = 1999
DIP: Final = 0.5  # of the nodes that usually report: fewer is an outage of the collectors, not of nodes
FARTHEST: Final = 30 * 86_400_000_000  # microseconds
TREND: Final = 28  # buckets around one that tell what is usual

Intervals = tuple["Times", "Times"]


def dips(bucket_end: Times, reporting: NDArray[np.int64], width: np.timedelta64) -> Intervals:
    """Give the buckets in which less than half as many nodes report as in the median bucket around them.

    `bucket_end` rises; a bucket between the first and the last that is not there had no node.
    """
    if not len(bucket_end):
        return bucket_end, bucket_end
    place = ((bucket_end - bucket_end[0]) // width).astype(np.int64)
    count = np.zeros(int(place[-1]) + 1)
    count[place] = reporting
    padded = np.pad(count, TREND, constant_values=np.nan)
    usual = np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, 2 * TREND + 1), axis=1)
    ends = bucket_end[0] + np.flatnonzero(count < DIP * usual) * width
    return ends - width, ends


def coincide(
    failures: tuple[Sequence[str], Times], outages: Intervals, step: np.timedelta64, rng: np.random.Generator
) -> Finding:
    """Test whether failures begin inside an outage, or within a step of its end, more often than they would by chance.

    Chance: each outage moved by up to 30 days, so that neither its length nor the season changes.
    """
    names, start = failures
    if not len(outages[0]) or not len(start):
        return inconclusive(NAME, f"{len(outages[0])} outages of the collectors and {len(start)} failures")
    begin, stop = _merged(outages[0], outages[1] + step)
    at, order = np.sort(start.astype(np.int64)), np.argsort(start)
    hits = _hits(at, begin, stop)
    shifts = rng.integers(-FARTHEST, FARTHEST, (SHIFTS, len(begin)))
    null = np.array([_hits(at, begin + shift, stop + shift) for shift in shifts], dtype=float)
    p = beyond(hits, null)
    is_beyond = p < LEVEL
    inside = np.concatenate([order[slice(*np.searchsorted(at, bounds))] for bounds in zip(begin, stop, strict=True)])
    examples = tuple(f"{names[row]} {np.datetime_as_string(start[row], 'm')}" for row in inside[:SHOWN])
    return Finding(
        NAME,
        judge(p, hits / len(start)),
        f"{hits:,} of {len(start):,} failures begin in one of {len(begin):,} outages of the collectors or just "
        f"after; chance gives {null.mean():,.1f}, {p_words(p)} against {LEVEL:g}",
        p,
        LEVEL,
        examples if is_beyond else (),
        "derive failures from silence only where the rest of the fleet reports; list outages as blind"
        if is_beyond
        else "",
    )


def none_there(buckets: int) -> Finding:
    """Say that nothing can coincide with outages where there were none."""
    told = f"none is listed, and in none of {buckets:,} buckets do under {DIP:.0%} of the usual nodes report"
    return Finding(NAME, Severity.CLEAR, f"0 outages of the collectors: {told}")


def _merged(start: Times, end: Times) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Join spans that overlap, in microseconds."""
    order = np.argsort(start)
    begin, stop = start[order].astype(np.int64), np.maximum.accumulate(end[order].astype(np.int64))
    opens = np.r_[True, begin[1:] > stop[:-1]]
    return begin[opens], stop[np.r_[opens[1:], True]]


def _hits(at: NDArray[np.int64], begin: NDArray[np.int64], stop: NDArray[np.int64]) -> int:
    """Count the moments in each span."""
    return int(np.sum(np.searchsorted(at, stop) - np.searchsorted(at, begin)))
