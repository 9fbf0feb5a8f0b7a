"""How much the failures in the records can prove: enough to train on, and how narrow an interval they give."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Final

import polars as pl

from data.schema import NODE, EventKind
from features.training.labels import merge_failures

if TYPE_CHECKING:
    from datetime import datetime

TEST_PART: Final = 0.25  # a backtest on the last quarter of the records
CAUGHT_SHARE: Final = 0.4  # a share of failures caught that a good model may reach
FEWEST_FOR_AN_INTERVAL: Final = 20  # the protocol gives none under this


@dataclass(frozen=True, slots=True)
class Evidence:
    """Failures in the records, repeats merged by the protocol, and what they allow.

    `half_width` is that of the 95% interval around a caught share of 0.4, from the failures in the last
    quarter of the records; None where they are too few for an interval.
    """

    start: datetime
    end: datetime
    nodes: int
    failures: int
    failures_needed: int
    failures_in_last_quarter: int
    half_width: float | None
    ignored_kinds: dict[str, int] = field(default_factory=dict)  # events of a kind that means nothing here
    learnable: int | None = None  # failures of nodes that were up before; None: not counted
    is_seen: bool = False  # and that were seen, by forecast.coverage_metric
    unended: dict[str, int] = field(default_factory=dict)  # failures after one of the same node that never ended

    @property
    def is_enough_to_train(self) -> bool:
        """Say whether the model can be trained on its own, and not only on history and pooled rates."""
        return (self.failures if self.learnable is None else self.learnable) >= self.failures_needed


def weigh(events: pl.DataFrame, nodes: pl.DataFrame, needed: int) -> Evidence:
    """Count the failures of an event table and say what they allow; there is at least one node."""
    start: datetime = nodes.select(pl.col("observed_from").min()).item()
    is_planned = pl.col("kind") == EventKind.MAINTENANCE  # it may end long after the records do
    ended = pl.when(~is_planned).then("end_recorded_at")
    end: datetime = events.select(pl.max_horizontal("recorded_at", ended).max()).item() or start
    failures = merge_failures(events)
    late = failures.filter(pl.col("start") > end - TEST_PART * (end - start)).height
    return Evidence(
        start=start,
        end=end,
        nodes=nodes["node"].n_unique(),
        failures=failures.height,
        failures_needed=needed,
        failures_in_last_quarter=late,
        half_width=wilson_half_width(CAUGHT_SHARE, late) if late >= FEWEST_FOR_AN_INTERVAL else None,
        ignored_kinds=_ignored(events),
        unended=_unended(events),
    )


def _unended(events: pl.DataFrame) -> dict[str, int]:
    """Count, by node, the failures that start after one without an end, and so belong to it."""
    failures = events.filter(pl.col("kind") == EventKind.FAILURE)
    since = failures.filter(pl.col("end").is_null()).group_by(NODE).agg(pl.col("start").min().alias("since"))
    later = failures.join(since, on=NODE).filter(pl.col("start") > pl.col("since"))
    return dict(later.group_by(NODE).len().sort("len", NODE, descending=[True, False]).iter_rows())


def _ignored(events: pl.DataFrame) -> dict[str, int]:
    """Count the events of each kind that means nothing here."""
    others = events.filter(~pl.col("kind").is_in(list(EventKind)))
    return dict(others.group_by("kind").len().sort("kind").iter_rows())


def wilson_half_width(share: float, n: int, confidence: float = 0.95) -> float:
    """Give half the width of Wilson's score interval (1927) for a share seen in n trials.

    z / (1 + z²/n) · sqrt(p (1 - p) / n + z² / 4n²), with z the normal quantile of the confidence.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    return z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
