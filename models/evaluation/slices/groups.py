"""Groups a window's rows and failures by what a node was, as far as was known at each cutoff."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.outages import merge_failures
from data.schema import NODE, EventKind
from features.grid import DAY, locate, to_datetime, to_times
from features.population.exposure import inventory
from models.evaluation.evaluation_set import is_in_window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.view import View
    from features.grid import Array, Index, Times
    from models.evaluation.context import EvaluationContext

FLEET: Final = "fleet"
CAUSE: Final = "cause"
AGE: Final = "age"
HISTORY: Final = "history"
WORK: Final = "work"
INVENTORY_COLUMNS: Final = ("rack", "hardware", "partition")
NOT_GIVEN: Final = "not given"
NO_GROUP: Final = -1  # the group of a failure whose node was not known at the last cutoff
AGE_DAYS: Final = (30, 180, 365, 730)
AGES: Final = ("under 30 days", "30 to 180 days", "180 days to 1 year", "1 to 2 years", "over 2 years")
HISTORIES: Final = ("have failed before", "without a failure so far")
IDLE, AT_WORK = "idle", "at work"
WORKS: Final = (IDLE, AT_WORK, NOT_GIVEN)


@dataclass(frozen=True, slots=True)
class Grouping:
    """One way to group a window: the group of each row of the cases, and of each failure of the window."""

    name: str
    labels: tuple[str, ...]
    of_row: Index
    of_failure: Index  # NO_GROUP where there is none
    is_ordered: bool = False  # the groups have an order of their own, which is kept

    @property
    def is_informative(self) -> bool:
        """Return whether there are several groups: a single one is the whole fleet."""
        of_failure = self.of_failure[self.of_failure != NO_GROUP]
        return len(np.unique(np.concatenate([self.of_row, of_failure]))) > 1


@dataclass(frozen=True, slots=True)
class _NodeTimes:
    """Nodes at times: the rows of the cases, then each failure's node at the last cutoff before it."""

    node: Index
    ts: Times
    rows: int

    @classmethod
    def of(cls, context: EvaluationContext) -> _NodeTimes:
        cases, cutoffs, failures = context.cases, context.scoring_times.distinct, context.failures
        before = cutoffs[np.searchsorted(cutoffs, failures.start) - 1]
        node = np.concatenate([cases.node, failures.node]).astype(np.int64)
        return cls(node, np.concatenate([cases.ts, before]), len(cases.node))

    def grouping(self, name: str, labels: tuple[str, ...], group: Index, *, is_ordered: bool = False) -> Grouping:
        """Turn a group for each node at a time into a grouping."""
        group_or_none = np.where(self.node < 0, NO_GROUP, group)
        return Grouping(name, labels, group_or_none[: self.rows], group_or_none[self.rows :], is_ordered)


def whole_fleet(context: EvaluationContext) -> Grouping:
    """Put everything into one group."""
    of_row, of_failure = (np.zeros(len(node), dtype=np.int64) for node in (context.cases.node, context.failures.node))
    return Grouping(FLEET, (FLEET,), of_row, of_failure)


def groupings(context: EvaluationContext, hindsight: View, idle: Array | None = None) -> tuple[Grouping, ...]:
    """Group a window by inventory, age, history and work: a failure by its node at the last cutoff before it.

    `idle`: of each row, 1 where its node had no work, 0 where it had, NaN where this is unknown. A grouping that has
    one group only is left out.
    """
    cutoffs = context.scoring_times.distinct
    if not len(cutoffs):
        return ()
    view, node_times = hindsight.narrow(to_datetime(cutoffs[-1])), _NodeTimes.of(context)
    nodes = inventory(view, context.cases.names)
    by_work = [] if idle is None else [_by_work(node_times, cutoffs, idle)]
    every = [*_by_inventory(node_times, nodes), _by_age(node_times, nodes), _by_history(node_times, view, nodes)]
    return tuple(grouping for grouping in (*every, *by_work) if grouping.is_informative)


def by_cause(context: EvaluationContext, hindsight: View) -> Grouping | None:
    """Group the window's failures by the cause of the event that began each; None where all are of one."""
    events = hindsight.events().filter((pl.col("kind") == EventKind.FAILURE) & pl.col(CAUSE).is_not_null())
    first = events.group_by(NODE, "start").agg(pl.col(CAUSE).min())
    failures = merge_failures(hindsight.events(), context.cases.repeat)
    failures = failures.join(first, on=[NODE, "start"], how="left", maintain_order="left")
    is_inside = pl.Series(is_in_window(context.cases), dtype=pl.Boolean)
    causes = failures[CAUSE].fill_null(NOT_GIVEN).filter(is_inside)
    labels = tuple(sorted(causes.unique()))
    no_row = np.full(len(context.cases.node), NO_GROUP, dtype=np.int64)
    return None if len(labels) <= 1 else Grouping(CAUSE, labels, no_row, locate(causes, labels))


def _by_inventory(node_times: _NodeTimes, nodes: pl.DataFrame) -> Iterator[Grouping]:
    for name in INVENTORY_COLUMNS:
        values = nodes[name].fill_null(NOT_GIVEN)
        labels = tuple(sorted(values.unique()))
        yield node_times.grouping(name, labels, locate(values, labels)[node_times.node])


def _by_age(node_times: _NodeTimes, nodes: pl.DataFrame) -> Grouping:
    age = node_times.ts - to_times(nodes["observed_from"])[node_times.node]
    limits = np.array([limit * DAY for limit in AGE_DAYS])
    return node_times.grouping(AGE, AGES, np.searchsorted(limits, age, side="right").astype(np.int64), is_ordered=True)


def _by_history(node_times: _NodeTimes, view: View, nodes: pl.DataFrame) -> Grouping:
    """Group nodes that had failed before, as far as was known, and those that had not."""
    failures = view.events().filter(pl.col("kind") == EventKind.FAILURE)
    first = failures.group_by(NODE).agg(known_from=pl.max_horizontal("recorded_at", "start").min())
    known_from = to_times(nodes.join(first, on=NODE, how="left", maintain_order="left")["known_from"])
    has_failed = known_from[node_times.node] <= node_times.ts
    return node_times.grouping(HISTORY, HISTORIES, np.where(has_failed, 0, 1), is_ordered=True)


def _by_work(node_times: _NodeTimes, cutoffs: Times, idle: Array) -> Grouping:
    """Group nodes with and without work; unknown for a failure whose node was not at risk at the last cutoff."""
    key = node_times.node * len(cutoffs) + np.searchsorted(cutoffs, node_times.ts)
    of_rows, of_failures = key[: node_times.rows], key[node_times.rows :]
    order = np.argsort(of_rows, kind="stable")
    row = order[np.minimum(np.searchsorted(of_rows, of_failures, sorter=order), len(of_rows) - 1)]
    idle_at_failure = np.where(of_rows[row] == of_failures, idle[row], np.nan)
    every = np.concatenate([idle, idle_at_failure])
    return node_times.grouping(WORK, WORKS, np.where(np.isnan(every), 2, np.where(every > 0, 0, 1)), is_ordered=True)
