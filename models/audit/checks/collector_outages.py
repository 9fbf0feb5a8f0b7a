"""Failures that begin with an outage of the collectors: missing telemetry that was recorded as failure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.audit.finding import MOST_EXAMPLES, Finding, Severity, inconclusive
from models.audit.significance import LEVEL, format_p, permutation_p_value, severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.grid import Index, Times

NAME: Final = "failures with collector outages"
SHIFTS: Final = 1999
OUTAGE_SHARE: Final = 0.5  # of the nodes that usually report: fewer is an outage of the collectors, not of nodes
FARTHEST: Final = 30 * 86_400_000_000  # microseconds
TREND: Final = 28  # buckets on each side of one from which the usual number of nodes is computed
FIX: Final = "derive failures from missing telemetry only where the rest of the fleet reports; list outages as blind"

Intervals = tuple["Times", "Times"]  # starts and ends


def find_outages(bucket_end: Times, reporting: Index, width: np.timedelta64) -> Intervals:
    """Return the buckets in which less than half as many nodes report as in the median bucket around them.

    `bucket_end` is ascending; in a bucket that is missing between the first and the last, no node reported.
    """
    if not len(bucket_end):
        return bucket_end, bucket_end
    position = ((bucket_end - bucket_end[0]) // width).astype(np.int64)
    count = np.zeros(int(position[-1]) + 1)
    count[position] = reporting
    padded = np.pad(count, TREND, constant_values=np.nan)
    usual = np.nanmedian(np.lib.stride_tricks.sliding_window_view(padded, 2 * TREND + 1), axis=1)
    ends = bucket_end[0] + np.flatnonzero(count < OUTAGE_SHARE * usual) * width
    return ends - width, ends


def check(
    failures: tuple[Sequence[str], Times], outages: Intervals, step: np.timedelta64, rng: np.random.Generator
) -> Finding:
    """Test whether failures begin inside an outage, or within a step of its end, more often than by chance.

    Chance: each outage moved by up to 30 days, so that neither its length nor the season changes.
    """
    names, start = failures
    if not len(outages[0]) or not len(start):
        return inconclusive(NAME, f"{len(outages[0])} outages of the collectors and {len(start)} failures")
    begin, end = _merged(outages[0], outages[1] + step)
    moments, order = np.sort(start.astype(np.int64)), np.argsort(start)
    hits = _count_inside(moments, begin, end)
    shifts = rng.integers(-FARTHEST, FARTHEST, (SHIFTS, len(begin)))
    null = np.array([_count_inside(moments, begin + shift, end + shift) for shift in shifts], dtype=float)
    p = permutation_p_value(hits, null)
    bounds = zip(begin, end, strict=True)
    inside = np.concatenate([order[slice(*np.searchsorted(moments, interval))] for interval in bounds])
    examples = tuple(f"{names[row]} {np.datetime_as_string(start[row], 'm')}" for row in inside[:MOST_EXAMPLES])
    is_clear = p >= LEVEL
    return Finding(
        NAME,
        severity(p, hits / len(start)),
        f"{hits:,} of {len(start):,} failures begin in one of {len(begin):,} outages of the collectors or just "
        f"after; chance gives {null.mean():,.1f}, {format_p(p)} against {LEVEL:g}",
        p,
        LEVEL,
        () if is_clear else examples,
        "" if is_clear else FIX,
    )


def no_outages(buckets: int) -> Finding:
    """Return the finding of records without outages: no failure can coincide with one."""
    return Finding(
        NAME,
        Severity.CLEAR,
        f"0 outages of the collectors: none is listed, and in none of {buckets:,} buckets do under {OUTAGE_SHARE:.0%} "
        "of the usual nodes report",
    )


def _merged(start: Times, end: Times) -> tuple[Index, Index]:
    """Join intervals that overlap; return their starts and ends in microseconds."""
    order = np.argsort(start)
    begin, latest_end = start[order].astype(np.int64), np.maximum.accumulate(end[order].astype(np.int64))
    is_new = np.r_[True, begin[1:] > latest_end[:-1]]
    return begin[is_new], latest_end[np.r_[is_new[1:], True]]


def _count_inside(moments: Index, begin: Index, end: Index) -> int:
    """Count the moments inside the intervals; one inside several counts for each."""
    return int(np.sum(np.searchsorted(moments, end) - np.searchsorted(moments, begin)))
