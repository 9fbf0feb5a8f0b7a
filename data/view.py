"""What was known when: the only door through which features, labels and scores see data."""

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
    """Reads the bucket table."""

    def read(self, columns: Sequence[str], until: datetime, start: datetime | None = None) -> pl.DataFrame:
        """Give node, bucket_end, lateness and `columns` of the buckets with start <= bucket_end <= until."""
        ...


@dataclass(frozen=True, slots=True)
class RecordFrames:
    """Events, inventory and blind periods as they are stored, the future included."""

    events: pl.DataFrame
    nodes: pl.DataFrame
    blind: pl.DataFrame


@dataclass(frozen=True, slots=True)
class View:
    """Everything as it was known at the time `at`.

    A view can be narrowed to an earlier time, never widened.
    """

    at: datetime
    width: timedelta
    _records: RecordFrames
    _buckets: BucketReader | None = None

    def narrow(self, earlier: datetime) -> View:
        """View the same records at an earlier time."""
        self.require(earlier)
        return replace(self, at=earlier)

    def require(self, asked: datetime) -> None:
        """Raise FutureError if `asked` lies after the view."""
        if asked > self.at:
            raise FutureError(asked.isoformat(), self.at.isoformat())

    def events(self) -> pl.DataFrame:
        """Give the events recorded by now; an end that was not recorded by now is null."""
        ended = pl.col("end_recorded_at") <= self.at
        known = self._records.events.filter((pl.col("recorded_at") <= self.at) & (pl.col("start") <= self.at))
        return known.with_columns(
            pl.when(ended).then("end").alias("end"),
            pl.when(ended).then("end_recorded_at").alias("end_recorded_at"),
        )

    def nodes(self) -> pl.DataFrame:
        """Give the nodes seen so far, sorted by name; a departure that is still to come is null."""
        left = pl.col("observed_until") <= self.at
        return (
            self._records.nodes.filter(pl.col("observed_from") <= self.at)
            .with_columns(pl.when(left).then("observed_until").alias("observed_until"))
            .sort("node")
        )

    def blind(self) -> pl.DataFrame:
        """Give the periods known by now in which the collectors were down."""
        return self._records.blind.filter(pl.col("recorded_at") <= self.at)

    def buckets(
        self, columns: Sequence[str], start: datetime | None = None, until: datetime | None = None
    ) -> pl.DataFrame:
        """Give node, bucket_end, lateness and `columns` of the buckets known by now that end in a span of time."""
        if self._buckets is None:
            return pl.DataFrame(schema=BUCKET_KEYS | dict.fromkeys(columns, pl.Float64()))
        known_at = pl.col(BUCKET_END) + pl.col(LATENESS).cast(pl.Int64) * self.width
        last = self.at if until is None else min(until, self.at)
        return self._buckets.read(columns, last, start).filter(known_at <= self.at)


def hindsight(records: RecordFrames, width: timedelta, buckets: BucketReader | None = None) -> View:
    """View everything that was ever recorded: for judging a forecast, never for making one."""
    return View(HINDSIGHT, width, records, buckets)
