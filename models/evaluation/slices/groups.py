"""Parts a window's rows and failures by what a node was, as far as was known at each cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE, EventKind
from features.grid import locate, to_datetime, to_times
from features.population.exposure import inventory
from features.training.labels import merge_failures
from models.evaluation.evaluation_set import days, is_in_window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Index, Times
    from models.evaluation.context import EvaluationContext

FLEET: Final = "fleet"
CAUSE: Final = "cause"
AGE: Final = "age"
HISTORY: Final = "history"
WORK: Final = "work"
PLACES: Final = ("rack", "hardware", "partition")  # columns of the inventory
NOT_GIVEN: Final = "not given"
NOBODY: Final = -1  # the group of a failure whose node was not known at the last cutoff
AGE_DAYS: Final = (30, 180, 365, 730)
AGES: Final = ("under 30 days", "30 to 180 days", "180 days to 1 year", "1 to 2 years", "over 2 years")
HISTORIES: Final = ("have failed before", "without a failure so far")
IDLE, AT_WORK = "idle", "at work"
WORKS: Final = (IDLE, AT_WORK, NOT_GIVEN)


@dataclass(frozen=True, slots=True)
class Division:
    """One way to part a window: the group of each row of the cases, and of each failure of the window."""

    name: str
    labels: tuple[str, ...]
    of_row: Index
    of_failure: Index  # NOBODY where there is none
    is_ordered: bool = False  # its groups stand in an order that is theirs

    @property
    def is_of_use(self) -> bool:
        """Tell whether it sets anything apart: a single group is the fleet."""
        return len(np.unique(np.concatenate([self.of_row, self.of_failure[self.of_failure != NOBODY]]))) > 1


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Nodes at times: the rows of the cases, then each failure's node at the last cutoff before it."""

    node: Index
    ts: Times
    rows: int

    @classmethod
    def of(cls, bench: EvaluationContext) -> _Pairs:
        cases, line, failures = bench.cases, bench.line, bench.failures
        before = line.times[np.searchsorted(line.times, failures.start) - 1]
        node = np.concatenate([cases.node, failures.node]).astype(np.int64)
        return cls(node, np.concatenate([cases.ts, before]), len(cases.node))

    def divided(self, name: str, labels: tuple[str, ...], group: Index, *, is_ordered: bool = False) -> Division:
        """Part them by a group of each pair."""
        own = np.where(self.node < 0, NOBODY, group)
        return Division(name, labels, own[: self.rows], own[self.rows :], is_ordered)


def whole(bench: EvaluationContext) -> Division:
    """Leave the fleet whole: everything in one group."""
    of_row, of_failure = (np.zeros(len(own), dtype=np.int64) for own in (bench.cases.node, bench.failures.node))
    return Division(FLEET, (FLEET,), of_row, of_failure)


def divisions(
    bench: EvaluationContext, hindsight: View, idle: NDArray[np.float64] | None = None
) -> tuple[Division, ...]:
    """Part a window by place, age, history and work: of a failure, at the last cutoff before it.

    `idle`: of each row, 1 where its node had no work, 0 where it had, NaN where nobody knows.
    """
    if not len(bench.line.times):
        return ()
    known, pairs = hindsight.narrow(to_datetime(bench.line.times[-1])), _Pairs.of(bench)
    nodes = inventory(known, bench.cases.names)
    told = [*_places(pairs, nodes), _ages(pairs, nodes), _histories(pairs, known, nodes)]
    if idle is not None:
        told.append(_works(pairs, bench.line.times, idle))
    return tuple(one for one in told if one.is_of_use)


def causes(bench: EvaluationContext, hindsight: View) -> Division | None:
    """Part the window's failures by the cause of the event that began each; None where all are of one."""
    events = hindsight.events().filter((pl.col("kind") == EventKind.FAILURE) & pl.col(CAUSE).is_not_null())
    first = events.group_by(NODE, "start").agg(pl.col(CAUSE).min())
    failed = merge_failures(hindsight.events()).join(first, on=[NODE, "start"], how="left", maintain_order="left")
    own = failed[CAUSE].fill_null(NOT_GIVEN).filter(pl.Series(is_in_window(bench.cases), dtype=pl.Boolean))
    labels = tuple(sorted(own.unique()))
    nowhere = np.full(len(bench.cases.node), NOBODY, dtype=np.int64)
    return None if len(labels) <= 1 else Division(CAUSE, labels, nowhere, locate(own, labels))


def _places(pairs: _Pairs, nodes: pl.DataFrame) -> Iterator[Division]:
    for name in PLACES:
        own = nodes[name].fill_null(NOT_GIVEN)
        labels = tuple(sorted(own.unique()))
        yield pairs.divided(name, labels, locate(own, labels)[pairs.node])


def _ages(pairs: _Pairs, nodes: pl.DataFrame) -> Division:
    age = pairs.ts - to_times(nodes["observed_from"])[pairs.node]
    limits = np.array([days(limit) for limit in AGE_DAYS])
    return pairs.divided(AGE, AGES, np.searchsorted(limits, age, side="right").astype(np.int64), is_ordered=True)


def _histories(pairs: _Pairs, known: View, nodes: pl.DataFrame) -> Division:
    """Tell who had failed before, as far as was known: two rows, so that repeat offenders stand apart."""
    failed = known.events().filter(pl.col("kind") == EventKind.FAILURE)
    first = failed.group_by(NODE).agg(seen=pl.max_horizontal("recorded_at", "start").min())
    seen = to_times(nodes.join(first, on=NODE, how="left", maintain_order="left")["seen"])
    return pairs.divided(HISTORY, HISTORIES, np.where(seen[pairs.node] <= pairs.ts, 0, 1), is_ordered=True)


def _works(pairs: _Pairs, times: Times, idle: NDArray[np.float64]) -> Division:
    """Tell who had work; of a failure whose node was not at risk at the last cutoff, nobody knows."""
    key = pairs.node * len(times) + np.searchsorted(times, pairs.ts)
    own, wanted = key[: pairs.rows], key[pairs.rows :]
    order = np.argsort(own, kind="stable")
    place = order[np.minimum(np.searchsorted(own, wanted, sorter=order), len(own) - 1)]
    of_failure = np.where(own[place] == wanted, idle[place], np.nan)
    told = np.concatenate([idle, of_failure])
    return pairs.divided(WORK, WORKS, np.where(np.isnan(told), 2, np.where(told > 0, 0, 1)), is_ordered=True)
