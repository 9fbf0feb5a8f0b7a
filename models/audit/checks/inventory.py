"""Inventories made from the failures themselves: nodes that never fail are missing, and observation starts too late."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import poisson

from data.durations import format_duration
from data.schema import NODE
from features.grid import locate, to_times
from models.audit.finding import MOST_EXAMPLES, Finding, Severity
from models.audit.significance import LEVEL, RELEVANT_SHARE, format_p, severity

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from features.grid import Array, Index, Times

DAY: Final = np.timedelta64(1, "D")
ONLY_FAILING: Final = "only nodes that fail"
COMES_WITH: Final = "observed from the first failure"
LEAVES_WITH: Final = "observed until the last failure"


@dataclass(frozen=True, slots=True)
class NodeLifetimes:
    """From when to when each node is listed, up to the records' end, and when it failed first and last."""

    names: tuple[str, ...]
    observed_from: Times
    observed_until: Times  # the records' end for a node that is still listed
    is_still_listed: NDArray[np.bool_]
    count: Index  # of failures
    first: Times  # failure; the records' end for a node without one
    last: Times  # failure
    end: np.datetime64  # of the records

    @classmethod
    def of(cls, nodes: pl.DataFrame, failures: pl.DataFrame, end: np.datetime64) -> NodeLifetimes:
        """Read them from an inventory and merged failures."""
        nodes = nodes.sort(NODE)
        names, until = tuple(nodes[NODE].to_list()), to_times(nodes["observed_until"])
        is_still_listed = np.isnat(until) | (until > end)
        start, node = to_times(failures["start"]), locate(failures[NODE], names)
        start, node = start[node >= 0], node[node >= 0]
        first, last = np.full(len(names), end), np.full(len(names), np.datetime64(0, "us"))
        np.minimum.at(first, node, start)
        np.maximum.at(last, node, start)
        count = np.bincount(node, minlength=len(names))
        observed_from, observed_until = to_times(nodes["observed_from"]), np.where(is_still_listed, end, until)
        return cls(names, observed_from, observed_until, is_still_listed, count, first, last, end)

    @property
    def fails(self) -> NDArray[np.bool_]:
        """Mark the nodes that ever fail."""
        return self.count > 0

    @property
    def days(self) -> Array:
        """Return the days for which each node is listed."""
        return np.maximum((self.observed_until - self.observed_from) / DAY, 1e-6)

    @property
    def is_repaired(self) -> bool:
        """Return whether units are back after a failure; drives are not."""
        return bool(np.count_nonzero(self.count > 1) > RELEVANT_SHARE * np.count_nonzero(self.fails))

    def near_bound(self, gap_days: Array, step_days: float) -> tuple[NDArray[np.bool_], float]:
        """Mark the nodes with a failure within a step of a bound, and return how many chance would give.

        The first or the last of c failures at random times of T days is within d of a bound with the
        probability 1 - (1 - d / T)^c.
        """
        share = np.clip(step_days / self.days[self.fails], 0, 1)
        return self.fails & (gap_days <= step_days), float(np.sum(1 - (1 - share) ** self.count[self.fails]))


def check_only_failing(lifetimes: NodeLifetimes) -> Finding:
    """Test whether the inventory lists fewer nodes that never fail than there must be."""
    healthy = int(np.count_nonzero(~lifetimes.fails))
    is_repaired = lifetimes.is_repaired
    least, sigma = _chao_lower_bound(lifetimes) if is_repaired else (_expected_survivors(lifetimes), 0.0)
    method = "Chao's lower bound" if is_repaired else "at the fleet's rate"
    p = _p_of_so_few(healthy, least, sigma)
    return Finding(
        ONLY_FAILING,
        severity(p, (least - healthy) / max(least, 1.0)),
        f"{healthy:,} of {len(lifetimes.names):,} nodes never fail; some {least:,.0f} or more should ({method}), "
        f"{format_p(p)} against {LEVEL:g}",
        p,
        LEVEL,
        (),
        "" if p >= LEVEL else "list every node that was there, from an asset database, not from the failure log",
    )


def _p_of_so_few(healthy: int, expected: float, sigma: float) -> float:
    """Return the probability of so few, for a Poisson count whose mean is log-normal: its median and its sigma."""
    node, weight = np.polynomial.hermite_e.hermegauss(99)
    return float(np.sum(weight * poisson.cdf(healthy, expected * np.exp(sigma * node))) / weight.sum())


def _chao_lower_bound(lifetimes: NodeLifetimes) -> tuple[float, float]:
    """Return a lower bound of the number of nodes that never fail, and the sigma of its logarithm.

    Chao (1984), from the f1 nodes that fail once and the f2 that fail twice: f1^2 / 2 f2, whatever rate each node has;
    log-normal with the variance of Chao (1987).
    """
    once, twice = (int(np.count_nonzero(lifetimes.count == times)) for times in (1, 2))
    if not once or not twice:
        return 0.0, 0.0
    ratio = once / twice
    bound, variance = once**2 / (2 * twice), twice * (ratio**2 / 4 + ratio**3 + ratio**4 / 4)
    return bound, float(np.sqrt(np.log1p(variance / bound**2)))


def _expected_survivors(lifetimes: NodeLifetimes) -> float:
    """Return how many nodes should outlive the records, at the fleet's own rate of failures.

    A unit that left with its failure would have been listed to the end, had it not failed.
    """
    came, fails = lifetimes.observed_from, lifetimes.fails
    exposed = float(np.sum(np.where(fails, np.maximum((lifetimes.first - came) / DAY, 0), lifetimes.days)))
    whole = np.where(fails, np.maximum((lifetimes.end - came) / DAY, 0), lifetimes.days)
    rate = np.count_nonzero(fails) / max(exposed, 1.0)
    return float(np.sum(np.exp(-rate * whole)))


def check_comes_with_failure(lifetimes: NodeLifetimes, step_days: float) -> Finding:
    """Test whether nodes enter the inventory only when they fail, or after."""
    near, expected = lifetimes.near_bound((lifetimes.first - lifetimes.observed_from) / DAY, step_days)
    result = _BoundResult.of(COMES_WITH, lifetimes, near, expected)
    early = int(np.count_nonzero(lifetimes.fails & (lifetimes.first < lifetimes.observed_from)))
    before = f"; {early:,} of them fail before that" if early else ""
    fix = "set observed_from to when a node came into service: before it, its failures can't be forecast"
    return _finding(
        result,
        f"are listed only from their first failure on (within {format_duration(timedelta(days=step_days))}){before}",
        fix,
    )


def check_leaves_with_failure(lifetimes: NodeLifetimes, step_days: float) -> Finding:
    """Test whether nodes leave the inventory when they fail; drives do, nodes that are repaired do not."""
    gap = np.where(lifetimes.is_still_listed, np.inf, (lifetimes.observed_until - lifetimes.last) / DAY)
    near, expected = lifetimes.near_bound(gap, step_days)
    result = _BoundResult.of(LEAVES_WITH, lifetimes, near, expected)
    if not lifetimes.is_repaired:
        clear = replace(result, verdict=Severity.CLEAR)
        return _finding(clear, "leave with their failure, as units that are not repaired do", "")
    fix = "set observed_until to when a node was taken out of service, not from the failure log"
    return _finding(result, "are listed no longer than to their last failure, though nodes are repaired here", fix)


@dataclass(frozen=True, slots=True)
class _BoundResult:
    """How many failing nodes have a failure near a bound of their observation."""

    name: str
    verdict: Severity
    near: int
    fails: int
    expected: float
    p: float
    examples: tuple[str, ...]

    @classmethod
    def of(cls, name: str, lifetimes: NodeLifetimes, near: NDArray[np.bool_], expected: float) -> _BoundResult:
        hits, fails = int(np.count_nonzero(near)), int(np.count_nonzero(lifetimes.fails))
        p = float(poisson.sf(hits - 1, expected))
        examples = tuple(lifetimes.names[node] for node in np.flatnonzero(near)[:MOST_EXAMPLES])
        return cls(name, severity(p, hits / max(fails, 1)), hits, fails, expected, p, examples)


def _finding(result: _BoundResult, what: str, fix: str) -> Finding:
    is_clear = result.verdict is Severity.CLEAR
    return Finding(
        result.name,
        result.verdict,
        f"{result.near:,} of {result.fails:,} failing nodes {what}; chance gives {result.expected:,.1f}, "
        f"{format_p(result.p)} against {LEVEL:g}",
        result.p,
        LEVEL,
        () if is_clear else result.examples,
        "" if is_clear else fix,
    )
