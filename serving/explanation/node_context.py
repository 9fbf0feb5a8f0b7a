"""What explanations use besides features: racks, last events, and the labels of metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from data.schema import NODE, EventKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime, timedelta

    from data.schema import Metric
    from data.view import View


@dataclass(frozen=True, slots=True)
class PastEvent:
    """When the last event of a node began, and its cause if that is known."""

    start: datetime
    cause: str | None


@dataclass(frozen=True, slots=True)
class NodeContext:
    """What is known of the nodes at a time."""

    at: datetime
    newest: timedelta | None  # the shortest window, which counts as now
    labels: Mapping[str, str]  # of metrics
    groups: Mapping[str, Mapping[str, str | None]]  # 'rack' and 'hardware': each node's
    failures: Mapping[tuple[str, str | None], PastEvent]  # the last one by node and cause; cause None: of all causes
    maintenance: Mapping[tuple[str, str | None], PastEvent]  # the same

    @classmethod
    def of(cls, view: View, metrics: Iterable[Metric], newest: timedelta | None) -> NodeContext:
        """Read the context from a view."""
        nodes, events = view.nodes(), view.events()
        return cls(
            view.at,
            newest,
            {metric.name: metric.label or metric.name for metric in metrics},
            {group: dict(nodes.select(NODE, group).iter_rows()) for group in ("rack", "hardware")},
            _last_events(events, EventKind.FAILURE),
            _last_events(events, EventKind.MAINTENANCE),
        )


def _last_events(events: pl.DataFrame, kind: EventKind) -> dict[tuple[str, str | None], PastEvent]:
    ordered = events.filter(pl.col("kind") == kind).sort("start", "cause").select(NODE, "cause", "start")
    newest = ordered.unique([NODE, "cause"], keep="last", maintain_order=True)
    by_cause = {
        (node, cause): PastEvent(start, cause) for node, cause, start in newest.iter_rows() if cause is not None
    }
    return by_cause | {(node, None): PastEvent(start, cause) for node, cause, start in newest.iter_rows()}
