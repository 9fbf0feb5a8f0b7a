"""Inventories made from the failures themselves: they hide the nodes that never fail, and when observation began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.stats import poisson

from data.schema import NODE
from features.grid import locate, to_times
from models.audit.finding import SHOWN, Finding, Severity
from models.audit.significance import LEVEL, MATTERS, judge, p_words

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from features.grid import Times

DAY: Final = np.timedelta64(1, "D")
ONLY_FAILING: Final = "only nodes that fail"
COMES_WITH: Final = "observed from the first failure"
LEAVES_WITH: Final = "observed until the last failure"


@dataclass(frozen=True, slots=True)
class Lives:
    """How long each node is listed, in days up to the records' end, and when it failed first and last."""

    names: tuple[str, ...]
    came: Times
    left: Times  # the records' end for a node that is still there
    stays: NDArray[np.bool_]
    count: NDArray[np.int64]
    first: Times
    last: Times
    end: np.datetime64

    @classmethod
    def of(cls, nodes: pl.DataFrame, failures: pl.DataFrame, end: np.datetime64) -> Lives:
        """Read them from an inventory and merged failures."""
        nodes = nodes.sort(NODE)
        names, left = tuple(nodes[NODE].to_list()), to_times(nodes["observed_until"])
        stays = np.isnat(left) | (left > end)
        start, node = to_times(failures["start"]), locate(failures[NODE], names)
        start, node = start[node >= 0], node[node >= 0]
        first, last = np.full(len(names), end), np.full(len(names), np.datetime64(0, "us"))
        np.minimum.at(first, node, start)
        np.maximum.at(last, node, start)
        count = np.bincount(node, minlength=len(names))
        came = to_times(nodes["observed_from"])
        return cls(names, came, np.where(stays, end, left), stays, count, first, last, end)

    @property
    def fails(self) -> NDArray[np.bool_]:
        """Tell which nodes ever fail."""
        return self.count > 0

    @property
    def days(self) -> NDArray[np.float64]:
        """Days for which each node is listed."""
        return np.maximum((self.left - self.came) / DAY, 1e-6)

    @property
    def is_repaired(self) -> bool:
        """Tell whether units come back after a failure, unlike drives."""
        return bool(np.count_nonzero(self.count > 1) > MATTERS * np.count_nonzero(self.fails))

    def near(self, gap_days: NDArray[np.float64], step_days: float) -> tuple[NDArray[np.bool_], float]:
        """Give the failing nodes whose failure lies within a step of a bound, and how many chance would give.

        The first or the last of c failures at random times of T days lies within d of a bound with the
        chance 1 - (1 - d / T)^c.
        """
        share = np.clip(step_days / self.days[self.fails], 0, 1)
        return self.fails & (gap_days <= step_days), float(np.sum(1 - (1 - share) ** self.count[self.fails]))


def only_failing(lives: Lives) -> Finding:
    """Test whether the inventory lists fewer nodes that never fail than there must be."""
    healthy = int(np.count_nonzero(~lives.fails))
    least, spread = _unseen(lives) if lives.is_repaired else (_surviving(lives), 0.0)
    how = "Chao's lower bound" if lives.is_repaired else "at the fleet's rate"
    p = _so_few(healthy, least, spread)
    return Finding(
        ONLY_FAILING,
        judge(p, (least - healthy) / max(least, 1.0)),
        f"{healthy:,} of {len(lives.names):,} nodes never fail; some {least:,.0f} or more should ({how}), "
        f"{p_words(p)} against {LEVEL:g}",
        p,
        LEVEL,
        (),
        "" if p >= LEVEL else "list every node that was there, from an asset database, not from the failure log",
    )


def _so_few(healthy: int, expected: float, spread: float) -> float:
    """Give the chance of so few, for a Poisson count whose mean is log-normal: its median and its sigma."""
    node, weight = np.polynomial.hermite_e.hermegauss(99)
    return float(np.sum(weight * poisson.cdf(healthy, expected * np.exp(spread * node))) / weight.sum())


def _unseen(lives: Lives) -> tuple[float, float]:
    """Give a lower bound of the nodes that never fail, from those that fail once and twice, and its log's sigma.

    Chao (1984): f1^2 / 2 f2, whatever rate each node has; log-normal with the variance of Chao (1987).
    """
    once, twice = (int(np.count_nonzero(lives.count == times)) for times in (1, 2))
    if not once or not twice:
        return 0.0, 0.0
    ratio = once / twice
    told, variance = once**2 / (2 * twice), twice * (ratio**2 / 4 + ratio**3 + ratio**4 / 4)
    return told, float(np.sqrt(np.log1p(variance / told**2)))


def _surviving(lives: Lives) -> float:
    """Give how many nodes should outlive the records, at the fleet's own rate of failures.

    A unit that left with its failure would have been listed to the end, had it not failed.
    """
    exposed = float(np.sum(np.where(lives.fails, np.maximum((lives.first - lives.came) / DAY, 0), lives.days)))
    whole = np.where(lives.fails, np.maximum((lives.end - lives.came) / DAY, 0), lives.days)
    rate = np.count_nonzero(lives.fails) / max(exposed, 1.0)
    return float(np.sum(np.exp(-rate * whole)))


def comes_with_failure(lives: Lives, step_days: float) -> Finding:
    """Test whether nodes enter the inventory only when they fail, or after."""
    near, expected = lives.near((lives.first - lives.came) / DAY, step_days)
    told = _bounded(COMES_WITH, lives, near, expected)
    early = int(np.count_nonzero(lives.fails & (lives.first < lives.came)))
    before = f"; {early:,} of them fail before that" if early else ""
    mend = "take observed_from from when a node came into service: before it, its failures can't be foreseen"
    return _finding(told, f"are listed only from their first failure on (within {step_days:g} d){before}", mend)


def leaves_with_failure(lives: Lives, step_days: float) -> Finding:
    """Test whether nodes leave the inventory when they fail; drives do, nodes that are repaired do not."""
    gap = np.where(lives.stays, np.inf, (lives.left - lives.last) / DAY)
    near, expected = lives.near(gap, step_days)
    told = _bounded(LEAVES_WITH, lives, near, expected)
    if not lives.is_repaired:
        told = _Bounded(told.name, Severity.CLEAR, told.near, told.fails, told.expected, told.p, ())
        return _finding(told, "leave with their failure, as units that are not repaired do", "")
    mend = "take observed_until from when a node was taken out of service, not from the failure log"
    return _finding(told, "are listed no longer than to their last failure, though nodes are repaired here", mend)


@dataclass(frozen=True, slots=True)
class _Bounded:
    name: str
    verdict: Severity
    near: int
    fails: int
    expected: float
    p: float
    examples: tuple[str, ...]


def _bounded(name: str, lives: Lives, near: NDArray[np.bool_], expected: float) -> _Bounded:
    hits, fails = int(np.count_nonzero(near)), int(np.count_nonzero(lives.fails))
    p = float(poisson.sf(hits - 1, expected))
    examples = tuple(lives.names[node] for node in np.flatnonzero(near)[:SHOWN])
    return _Bounded(name, judge(p, hits / max(fails, 1)), hits, fails, expected, p, examples)


def _finding(told: _Bounded, what: str, mend: str) -> Finding:
    is_clear = told.verdict is Severity.CLEAR
    return Finding(
        told.name,
        told.verdict,
        f"{told.near:,} of {told.fails:,} failing nodes {what}; chance gives {told.expected:,.1f}, "
        f"{p_words(told.p)} against {LEVEL:g}",
        told.p,
        LEVEL,
        () if is_clear else told.examples,
        "" if is_clear else mend,
    )
