"""Outages: failures of one node that belong together, counted once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from data.schema import NODE, EventKind

if TYPE_CHECKING:
    from collections.abc import Iterator

REPEAT: Final = timedelta(hours=24)  # a failure this soon after another one's end belongs to it
_OPEN: Final = datetime(9000, 1, 1, tzinfo=UTC)  # the end of a failure that has not ended


def merge_failures(events: pl.DataFrame) -> pl.DataFrame:
    """Return each outage once: node and start, sorted.

    A failure that starts inside an open one of its node, or within 24 hours after its end, belongs to it.
    """
    failures = events.filter(pl.col("kind") == EventKind.FAILURE).select(NODE, "start", "end").sort(NODE, "start")
    return failures.filter(pl.Series(_begins_outage(failures), dtype=pl.Boolean)).select(NODE, "start")


def _begins_outage(failures: pl.DataFrame) -> Iterator[bool]:
    """Yield for each failure, sorted by node and start, whether it begins a new outage."""
    node, until = None, _OPEN
    for name, start, end in failures.iter_rows():
        is_new = name != node or start > until
        reach = start if is_new else until - REPEAT
        node, until = name, max(reach, end or _OPEN) + REPEAT
        yield is_new
