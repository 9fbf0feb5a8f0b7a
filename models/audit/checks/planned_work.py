"""Planned work that was recorded as failures: it comes in groups, in order, and at people's hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import binom, kendalltau

from data.schema import NODE
from features.grid import locate, to_times
from models.audit.failure_clusters import DAY, FEWEST, Starts, groups, rayleigh
from models.audit.finding import SHOWN, Finding, Severity, inconclusive
from models.audit.significance import LEVEL, MATTERS, p_words

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

GROUPS: Final = "planned work in groups"
HOURS: Final = "failures at people's hours"
WEEK: Final = 7 * DAY
WORKDAYS: Final = 5 / 7
OFFICE: Final = 0.738  # mean resultant length of times spread over ten hours of a day: sin(x) / x at x = 10/24 pi
MENDED: Final = "record planned work as maintenance; merge what one cause did to many nodes"


@dataclass(frozen=True, slots=True)
class FailureStarts:
    """Failures in the order of their starts, and where each node stands."""

    names: tuple[str, ...]
    rack: NDArray[np.int64]  # of each node; -1: none
    starts: Starts

    @classmethod
    def of(cls, nodes: pl.DataFrame, failures: pl.DataFrame) -> FailureStarts:
        """Read them from an inventory and merged failures."""
        nodes, failures = nodes.sort(NODE), failures.sort("start", NODE)
        names = tuple(nodes[NODE].to_list())
        racks = nodes["rack"].unique().drop_nulls().sort()
        node = locate(failures[NODE], names)
        return cls(names, locate(nodes["rack"], racks), Starts(to_times(failures["start"])[node >= 0], node[node >= 0]))


def in_groups(fleet: FailureStarts) -> Finding:
    """Look for groups of failures in time, and for what planned work looks like among them."""
    starts = fleet.starts
    if len(starts.start) < FEWEST:
        return inconclusive(GROUPS, f"{len(starts.start)} of {FEWEST} failures that are needed")
    found = groups(starts)
    count = sum(one.stop - one.start for one in found)
    share, marks = count / len(starts.start), _marks(fleet, found)
    planned = [f"{what} ({p_words(p)})" for what, p in marks.items() if p < LEVEL / len(marks)]
    apart = sum(_spans_racks(fleet, one) for one in found)
    verdict = Severity.CLEAR
    if planned:
        verdict = Severity.FOUND if share >= MATTERS else Severity.SUSPICIOUS
    elif apart:
        verdict = Severity.SUSPICIOUS
    held = f"{count:,} of {len(starts.start):,} failures ({share:.1%})"
    told = f"{len(found):,} groups hold {held}, {apart:,} of them not of one rack"
    how = f"; they come {', '.join(planned)}" if planned else ""
    return Finding(
        GROUPS,
        verdict,
        f"{told}{how}; a group is p < {LEVEL:g} against a Poisson process, found from {MATTERS:.0%} on if planned",
        share,
        MATTERS,
        tuple(_group_words(fleet, one) for one in sorted(found, key=lambda one: one.start - one.stop)[:SHOWN]),
        "" if verdict is Severity.CLEAR else MENDED,
    )


def _marks(fleet: FailureStarts, found: list[slice]) -> dict[str, float]:
    """Test what tells planned work: p by mark."""
    begins = fleet.starts.start[[one.start for one in found]] if found else fleet.starts.start[:0]
    in_order = min([_order(fleet.starts, one) for one in found], default=1.0) * max(len(found), 1)
    told = {"in the order of the nodes' names": min(in_order, 1.0)}
    if not fleet.starts.is_dated:
        told |= {"at one time of the day": rayleigh(begins, DAY)[1]}
    return told | {"on one day of the week": rayleigh(begins, WEEK)[1]}


def _order(starts: Starts, group: slice) -> float:
    """Test whether nodes follow one another by name (Kendall's tau, exact for small groups)."""
    node, first = np.unique(starts.node[group], return_index=True)
    moments = starts.start[group][first].astype(np.int64)
    if len(np.unique(moments)) < FEWEST:
        return 1.0
    return float(kendalltau(np.arange(len(node)), moments).pvalue)


def _spans_racks(fleet: FailureStarts, group: slice) -> bool:
    racks = fleet.rack[fleet.starts.node[group]]
    return len(np.unique(racks)) > 1 or bool(np.any(racks < 0))


def _group_words(fleet: FailureStarts, group: slice) -> str:
    node = np.unique(fleet.starts.node[group])
    start, last = (np.datetime_as_string(fleet.starts.start[at], "m") for at in (group.start, group.stop - 1))
    return f"{start} to {last}: {len(node)} nodes, {fleet.names[node[0]]} to {fleet.names[node[-1]]}"


def at_peoples_hours(fleet: FailureStarts) -> Finding:
    """Test whether single failures keep office hours: work, or somebody who typed them in."""
    starts = fleet.starts
    if len(starts.start) < FEWEST:
        return inconclusive(HOURS, f"{len(starts.start)} of {FEWEST} failures that are needed")
    length, by_hour = (0.0, 1.0) if starts.is_dated else rayleigh(starts.timed, DAY)
    workdays = int(np.count_nonzero(np.is_busday(starts.start.astype("datetime64[D]"))))
    by_day = float(binom.sf(workdays - 1, len(starts.start), WORKDAYS))
    p = min(2 * min(by_hour, by_day), 1.0)
    weekly = (workdays / len(starts.start) - WORKDAYS) / (1 - WORKDAYS)
    share = min(max(length / OFFICE, weekly, 0.0), 1.0)
    verdict = Severity.CLEAR if p >= LEVEL else Severity.FOUND if share >= 1 / 2 else Severity.SUSPICIOUS
    hours = "their times of day are not known" if starts.is_dated else f"{length / OFFICE:.0%} by the hour"
    return Finding(
        HOURS,
        verdict,
        f"as many failures too many at one time as if {share:.0%} kept to ten hours of a day or to workdays "
        f"({hours}, {max(weekly, 0):.0%} by the weekday); {p_words(p)} against {LEVEL:g}, found from 50% on",
        share,
        0.5,
        (),
        "" if p >= LEVEL else "tell planned reboots from crashes, by who asked for them; see whether load explains it",
    )
