"""Says of a node that can't be scored how badly it is seen, and since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from features.feature import TIMES_FLEET
from features.grid import to_datetime
from features.telemetry.peers import fleet_ratio
from serving.explanation.reason import Reason
from serving.explanation.recent_levels import TimeSlices, read
from serving.explanation.signal import Since
from serving.formats import ago, joined, moment, percent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Index
    from features.population.at_risk import Coverage

NOT_REPORTING: Final = "not reporting"


def tell_silent(now: View, names: Sequence[str], nodes: Index, coverage: Coverage, clock: TimeSlices) -> list[Reason]:
    """Tell of some nodes (places among all `names`) which share of the fleet's samples they send, and since when."""
    ((_, slices),) = read(now, names, [(coverage.metric, "last")], clock)
    share = fleet_ratio(slices.values)
    came = now.nodes()["observed_from"].to_list()
    told = [_last_well_seen(share[at] >= coverage.share, slices.last[at], came[at], clock) for at in nodes]
    return [_reason(float(share[at, -1]), since, coverage, clock.now) for at, since in zip(nodes, told, strict=True)]


def _last_well_seen(well: NDArray[np.bool_], last: NDArray[np.int64], came: datetime, clock: TimeSlices) -> Since:
    seen = np.flatnonzero(well)
    if len(seen):
        return Since(to_datetime(last[seen[-1]].astype("datetime64[us]")))
    return Since(came) if came > clock.start else Since(clock.start, or_earlier=True)


def _reason(share: float, since: Since, coverage: Coverage, at: datetime) -> Reason:
    """Tell of one node; nobody knows its odds."""
    is_thin = share < coverage.share
    past = ago(since.when, at)
    when = f"for longer than the {past} looked at" if since.or_earlier else f"since {moment(since.when, at)} ({past})"
    thin = f"sends {joined(percent(share, ''))} of the samples that the fleet does ({coverage.metric}), too few {when}"
    return Reason(
        metric=coverage.metric,
        statistic="coverage",
        value=share if is_thin else None,
        unit=TIMES_FLEET,
        low=coverage.share,
        high=None,
        since=since.when,
        or_earlier=since.or_earlier,
        odds=None,
        text=thin if is_thin else f"{NOT_REPORTING} {when}",
    )
