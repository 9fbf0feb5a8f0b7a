"""Planned work that was recorded as failures: it comes in groups, in an order, and at working hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import binom, kendalltau

from data.schema import NODE
from features.grid import DAY, locate, to_times
from models.audit.failure_clusters import MIN_NODES, FailureTimes, find_clusters, rayleigh
from models.audit.finding import MOST_EXAMPLES, Finding, Severity, inconclusive
from models.audit.significance import LEVEL, RELEVANT_SHARE, format_p

if TYPE_CHECKING:
    import polars as pl

    from features.grid import Index

GROUPS: Final = "planned work in groups"
HOURS: Final = "failures at people's hours"
WEEK: Final = 7 * DAY
WORKDAYS: Final = 5 / 7
OFFICE: Final = 0.738  # mean resultant length of times spread over ten hours of a day: sin(x) / x at x = 10/24 pi
MIN_FAILURES: Final = MIN_NODES  # those of one group
HALF: Final = 0.5  # of the failures
FIX_GROUPS: Final = "record planned work as maintenance; merge what one cause did to many nodes"
FIX_HOURS: Final = "separate planned reboots from crashes, by who requested them; see whether load explains it"


@dataclass(frozen=True, slots=True)
class FleetFailures:
    """A fleet's failures in the order of their starts, and the rack of each node."""

    names: tuple[str, ...]
    rack: Index  # of each node; -1: none
    times: FailureTimes

    @classmethod
    def of(cls, nodes: pl.DataFrame, failures: pl.DataFrame) -> FleetFailures:
        """Read them from an inventory and merged failures."""
        nodes, failures = nodes.sort(NODE), failures.sort("start", NODE)
        names = tuple(nodes[NODE].to_list())
        racks = nodes["rack"].unique().drop_nulls().sort()
        node = locate(failures[NODE], names)
        times = FailureTimes(to_times(failures["start"])[node >= 0], node[node >= 0])
        return cls(names, locate(nodes["rack"], racks), times)


def check_groups(fleet: FleetFailures) -> Finding:
    """Look for groups of failures in time, and for the signs of planned work among them."""
    total = len(fleet.times.start)
    if total < MIN_FAILURES:
        return inconclusive(GROUPS, f"{total} of {MIN_FAILURES} failures that are needed")
    clusters = find_clusters(fleet.times)
    count = sum(cluster.stop - cluster.start for cluster in clusters)
    share, signs = count / total, _signs_of_planning(fleet, clusters)
    planned = [f"{sign} ({format_p(p)})" for sign, p in signs.items() if p < LEVEL / len(signs)]
    across_racks = sum(_spans_racks(fleet, cluster) for cluster in clusters)
    verdict = Severity.CLEAR
    if planned:
        verdict = Severity.FOUND if share >= RELEVANT_SHARE else Severity.SUSPICIOUS
    elif across_racks:
        verdict = Severity.SUSPICIOUS
    signs_in_words = f"; they come {', '.join(planned)}" if planned else ""
    largest = sorted(clusters, key=lambda cluster: cluster.start - cluster.stop)[:MOST_EXAMPLES]
    return Finding(
        GROUPS,
        verdict,
        f"{len(clusters):,} groups hold {count:,} of {total:,} failures ({share:.1%}), {across_racks:,} of them not of "
        f"one rack{signs_in_words}; a group is p < {LEVEL:g} against a Poisson process, reported as 'found' "
        f"from {RELEVANT_SHARE:.0%} if planned",
        share,
        RELEVANT_SHARE,
        tuple(_in_words(fleet, cluster) for cluster in largest),
        "" if verdict is Severity.CLEAR else FIX_GROUPS,
    )


def _signs_of_planning(fleet: FleetFailures, clusters: list[slice]) -> dict[str, float]:
    """Return the p-value of each sign of planned work."""
    times = fleet.times
    begins = times.start[[cluster.start for cluster in clusters]] if clusters else times.start[:0]
    in_order = min([_p_of_order(times, cluster) for cluster in clusters], default=1.0) * max(len(clusters), 1)
    signs = {"in the order of the nodes' names": min(in_order, 1.0)}
    if not times.has_dates_only:
        signs |= {"at one time of the day": rayleigh(begins, DAY)[1]}
    return signs | {"on one day of the week": rayleigh(begins, WEEK)[1]}


def _p_of_order(times: FailureTimes, cluster: slice) -> float:
    """Test whether nodes fail in the order of their names (Kendall's tau, exact for small groups)."""
    node, first = np.unique(times.node[cluster], return_index=True)
    starts = times.start[cluster][first].astype(np.int64)
    if len(np.unique(starts)) < MIN_NODES:
        return 1.0
    return float(kendalltau(np.arange(len(node)), starts).pvalue)


def _spans_racks(fleet: FleetFailures, cluster: slice) -> bool:
    racks = fleet.rack[fleet.times.node[cluster]]
    return len(np.unique(racks)) > 1 or bool(np.any(racks < 0))


def _in_words(fleet: FleetFailures, cluster: slice) -> str:
    node = np.unique(fleet.times.node[cluster])
    bounds = (cluster.start, cluster.stop - 1)
    start, last = (np.datetime_as_string(fleet.times.start[bound], "m") for bound in bounds)
    return f"{start} to {last}: {len(node)} nodes, {fleet.names[node[0]]} to {fleet.names[node[-1]]}"


def check_hours(fleet: FleetFailures) -> Finding:
    """Test whether single failures happen at working hours: planned work, or times that a person typed in."""
    times = fleet.times
    total = len(times.start)
    if total < MIN_FAILURES:
        return inconclusive(HOURS, f"{total} of {MIN_FAILURES} failures that are needed")
    length, p_of_hours = (0.0, 1.0) if times.has_dates_only else rayleigh(times.with_time_of_day, DAY)
    workdays = int(np.count_nonzero(np.is_busday(times.start.astype("datetime64[D]"))))
    p_of_days = float(binom.sf(workdays - 1, total, WORKDAYS))
    p = min(2 * min(p_of_hours, p_of_days), 1.0)
    by_weekday = (workdays / total - WORKDAYS) / (1 - WORKDAYS)
    share = min(max(length / OFFICE, by_weekday, 0.0), 1.0)
    verdict = Severity.CLEAR if p >= LEVEL else Severity.FOUND if share >= HALF else Severity.SUSPICIOUS
    by_hour = "their times of day are not known" if times.has_dates_only else f"{length / OFFICE:.0%} by the hour"
    return Finding(
        HOURS,
        verdict,
        f"the failures are as unevenly spread as if {share:.0%} were kept to ten hours of a day or to workdays "
        f"({by_hour}, {max(by_weekday, 0):.0%} by the weekday); {format_p(p)} against {LEVEL:g}, reported as "
        f"'found' from {HALF:.0%}",
        share,
        HALF,
        (),
        "" if p >= LEVEL else FIX_HOURS,
    )
