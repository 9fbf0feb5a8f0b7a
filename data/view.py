"""What was known at which time: features, labels and scores read records only through a view."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import polars as pl

from data.errors import FutureError
from data.schema import BUCKET_END, BUCKET_KEYS, LATENESS

if TYPE_CHECKING:
    from collections.abc import Sequence

HINDSIGHT = datetime.max.replace(tzinfo=UTC)


class BucketReader(Protocol):
    """A reader of the bucket table."""

    def read(self, columns: Sequence[str], until: datetime, start: datetime | None = None) -> pl.DataFrame:
        """Return node, bucket_end, lateness and `columns` of the buckets with start <= bucket_end <= until."""
        ...


@dataclass(frozen=True, slots=True)
class RecordFrames:
    """Events, inventory and blind periods as they are stored, including what became known later."""

    events: pl.DataFrame
    nodes: pl.DataFrame
    blind: pl.DataFrame


@dataclass(frozen=True, slots=True)
class View:
    """All records as they were known at the time `at`.

    A view can be narrowed to an earlier time, but never widened.
    """

    at: datetime
    width: timedelta
    _records: RecordFrames
    _buckets: BucketReader | None = None

    def narrow(self, earlier: datetime) -> View:
        """Return a view of the same records at an earlier time."""
        self.require(earlier)
        return replace(self, at=earlier)

    def require(self, requested: datetime) -> None:
        """Raise FutureError if `requested` is later than the view."""
        if requested > self.at:
            raise FutureError(requested.isoformat(), self.at.isoformat())

    def events(self) -> pl.DataFrame:
        """Return the events that were recorded by the view's time; an end that was recorded later is null."""
        has_ended = pl.col("end_recorded_at") <= self.at
        known_events = self._records.events.filter((pl.col("recorded_at") <= self.at) & (pl.col("start") <= self.at))
        return known_events.with_columns(
            pl.when(has_ended).then("end").alias("end"),
            pl.when(has_ended).then("end_recorded_at").alias("end_recorded_at"),
        )

    def nodes(self) -> pl.DataFrame:
        """Return the nodes observed so far, sorted by name; an `observed_until` after the view's time is null."""
        has_left = pl.col("observed_until") <= self.at
        return (
            self._records.nodes.filter(pl.col("observed_from") <= self.at)
            .with_columns(pl.when(has_left).then("observed_until").alias("observed_until"))
            .sort("node")
        )

    def blind(self) -> pl.DataFrame:
        """Return the periods without collection that were recorded by the view's time."""
        return self._records.blind.filter(pl.col("recorded_at") <= self.at)

    def buckets(
        self, columns: Sequence[str], start: datetime | None = None, until: datetime | None = None
    ) -> pl.DataFrame:
        """Return node, bucket_end, lateness and `columns` of the known buckets with start <= bucket_end <= until."""
        if self._buckets is None:
            return pl.DataFrame(schema=BUCKET_KEYS | dict.fromkeys(columns, pl.Float64()))
        known_at = pl.col(BUCKET_END) + pl.col(LATENESS).cast(pl.Int64) * self.width
        last = self.at if until is None else min(until, self.at)
        return self._buckets.read(columns, last, start).filter(known_at <= self.at)


def hindsight(records: RecordFrames, width: timedelta, buckets: BucketReader | None = None) -> View:
    """Return a view of everything that was ever recorded: to judge a forecast, never to make one."""
    return View(HINDSIGHT, width, records, buckets)
