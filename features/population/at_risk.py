"""Which nodes are at risk at a cutoff: present, not in an open event, and reporting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.errors import DataError
from data.schema import BUCKET_END, LATENESS, NODE, EventKind, bucket_column
from features.grid import Times, locate, to_datetime, to_numpy, to_step, to_times
from features.population.interval_counts import IntervalCounts

if TYPE_CHECKING:
    from datetime import timedelta

    from numpy.typing import NDArray

    from data.view import View


@dataclass(frozen=True, slots=True)
class Coverage:
    """The metric that counts a node's samples, and the share of the fleet's median that is enough."""

    metric: str
    share: float = 0.9


@dataclass(frozen=True, slots=True)
class Rows:
    """Pairs (node, cutoff) as positions into `names` (sorted) and `cutoffs` (ascending), node by node."""

    names: tuple[str, ...]
    cutoffs: Times
    node: NDArray[np.int64]
    cutoff: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.node)

    @property
    def ts(self) -> Times:
        """The cutoff of each row."""
        return self.cutoffs[self.cutoff]

    def take(self, selection: NDArray[np.bool_] | NDArray[np.int64]) -> Rows:
        """Keep some rows."""
        return Rows(self.names, self.cutoffs, self.node[selection], self.cutoff[selection])

    def during(self, run: range) -> Rows:
        """Drop the cutoffs outside a run; no row may have one of them."""
        return Rows(self.names, self.cutoffs[run.start : run.stop], self.node, self.cutoff - run.start)


@dataclass(frozen=True, slots=True)
class AtRisk:
    """Which nodes are present, in an open event, and reporting: nodes x cutoffs, from the view at each cutoff."""

    names: tuple[str, ...]
    cutoffs: Times
    present: NDArray[np.bool_]
    down: NDArray[np.bool_]
    reporting: NDArray[np.bool_]

    @property
    def at_risk(self) -> NDArray[np.bool_]:
        """Present, up and reporting."""
        return self.present & ~self.down & self.reporting

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """Present and up as far as is known, but not reporting."""
        return self.present & ~self.down & ~self.reporting

    def during(self, run: range) -> AtRisk:
        """Keep a run of the cutoffs."""
        cutoffs = slice(run.start, run.stop)
        states = (self.present, self.down, self.reporting)
        return AtRisk(self.names, self.cutoffs[cutoffs], *(state[:, cutoffs] for state in states))

    def rows(self) -> Rows:
        """List the (node, cutoff) pairs at risk, by node name and then time."""
        node, cutoff = np.nonzero(self.at_risk)
        return Rows(self.names, self.cutoffs, node, cutoff)


def assess(view: View, cutoffs: Times, coverage: Coverage | None) -> AtRisk:
    """Find the nodes at risk at each cutoff, by the view at that cutoff.

    Raises:
        FutureError: if a cutoff comes after the view.
        DataError: if the cutoffs do not ascend.
    """
    _require_ascending(cutoffs)
    if len(cutoffs):
        view.require(to_datetime(cutoffs[-1]))
    nodes = view.nodes()
    names = tuple(nodes[NODE].to_list())
    counts = IntervalCounts(len(names), cutoffs)
    observed_from, observed_until = to_times(nodes["observed_from"]), to_times(nodes["observed_until"])
    present = counts.count_active(np.arange(len(names)), observed_from, observed_until) > 0
    reporting = _reporting(view, coverage, names, cutoffs) if coverage and len(cutoffs) else np.ones_like(present)
    return AtRisk(names, cutoffs, present, _down(view, names, counts), reporting)


def _require_ascending(cutoffs: Times) -> None:
    falls = np.flatnonzero(cutoffs[1:] <= cutoffs[:-1])
    if len(falls):
        before, after = cutoffs[falls[0] : falls[0] + 2]
        raise DataError(f"cutoff {after} comes after {before}", fix="list each cutoff once, from the first to the last")


def _down(view: View, names: tuple[str, ...], counts: IntervalCounts) -> NDArray[np.bool_]:
    """Return where a node is inside an event that is open in the view at the cutoff."""
    events = (
        view.events()
        .filter(pl.col("kind").is_in(list(EventKind)))
        .select(
            NODE,
            known_at=pl.max_horizontal("recorded_at", "start"),
            end_known_at=pl.when(pl.col("end").is_not_null()).then(pl.max_horizontal("end", "end_recorded_at")),
        )
    )
    unit = locate(events[NODE], names)
    return counts.count_active(unit, to_times(events["known_at"]), to_times(events["end_known_at"])) > 0


def _reporting(view: View, coverage: Coverage, names: tuple[str, ...], cutoffs: Times) -> NDArray[np.bool_]:
    """Return where the sample at the cutoff covers enough, compared with the fleet's median at that cutoff."""
    value, time = (bucket_column(coverage.metric, aggregate) for aggregate in ("last", "last_ts"))
    on_time = view.buckets([value, time], start=to_datetime(cutoffs[0])).filter(
        (pl.col(LATENESS) == 0) & (pl.col(time) == pl.col(BUCKET_END).dt.timestamp("us")) & (pl.col(value) > 0)
    )
    enough = on_time.filter(pl.col(value) >= coverage.share * pl.col(value).median().over(BUCKET_END))
    reporting = np.zeros((len(names), len(cutoffs)), dtype=bool)
    node, ts = locate(enough[NODE], names), to_times(enough[BUCKET_END])
    position = np.searchsorted(cutoffs, ts)
    is_cutoff = (node >= 0) & (position < len(cutoffs))
    is_cutoff[is_cutoff] &= cutoffs[position[is_cutoff]] == ts[is_cutoff]
    reporting[node[is_cutoff], position[is_cutoff]] = True
    return reporting


def cutoffs_until(view: View, start: np.datetime64, every: timedelta) -> Times:
    """List the cutoffs of a view: step by step back from its time, down to `start`."""
    last, step = to_numpy(view.at), to_step(every)
    count = max(int((last - start) // step), 0) + 1
    return np.asarray(last - step * np.arange(count)[::-1])
