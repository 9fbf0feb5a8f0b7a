"""Explains why a node has no score: the share of the expected samples that it sends, and since when it is too low."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.feature import TIMES_FLEET
from features.grid import to_datetime
from features.telemetry.peers import fleet_ratio
from serving.explanation.reason import Reason
from serving.explanation.recent_levels import TimeSlices, read
from serving.explanation.signal import Onset
from serving.formats import elapsed, join_unit, percent, short_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Index
    from features.population.at_risk import Coverage


def not_reporting_reasons(
    view: View, names: Sequence[str], nodes: Index, coverage: Coverage, time_slices: TimeSlices
) -> list[Reason]:
    """Return one reason for each of `nodes` (positions in `names`), which send too few samples or none."""
    ((_, slices),) = read(view, names, [(coverage.metric, "last")], time_slices)
    shares = fleet_ratio(slices.values)
    joined_at = view.nodes()["observed_from"].to_list()
    reasons = []
    for node in nodes:
        since = _last_covered(shares[node] >= coverage.share, slices.last[node], joined_at[node], time_slices)
        reasons.append(_reason(float(shares[node, -1]), since, coverage, time_slices.now))
    return reasons


def _last_covered(
    is_covered: NDArray[np.bool_], last_sample: NDArray[np.int64], joined_at: datetime, time_slices: TimeSlices
) -> Onset:
    """Return the time of the last sample in the newest slice with enough samples, or when the node joined."""
    covered = np.flatnonzero(is_covered)
    if len(covered):
        return Onset(to_datetime(last_sample[covered[-1]].astype("datetime64[us]")))
    return Onset(joined_at) if joined_at > time_slices.start else Onset(time_slices.start, or_earlier=True)


def _reason(share: float, since: Onset, coverage: Coverage, now: datetime) -> Reason:
    """Describe the missing samples; the odds are unknown, since the node has no score. A NaN share is no sample."""
    is_too_low = share < coverage.share
    length = elapsed(since.when, now)
    when = f"for at least {length}" if since.or_earlier else f"since {short_time(since.when, now)} ({length})"
    sent = join_unit(percent(share, ""))
    too_few = f"sends {sent} of the samples that the fleet does ({coverage.metric}), too few {when}"
    return Reason(
        metric=coverage.metric,
        statistic="coverage",
        value=share if is_too_low else None,
        unit=TIMES_FLEET,
        low=coverage.share,
        high=None,
        since=since.when,
        or_earlier=since.or_earlier,
        odds=None,
        text=too_few if is_too_low else f"not reporting {when}",
    )
