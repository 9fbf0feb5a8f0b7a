"""The bucket table: always equal to a rollup of the whole telemetry table, but refreshed only where that changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import polars as pl
import polars.selectors as cs

from data.delta.table import month_of, within
from data.errors import DataError
from data.schema import AGGREGATES, BUCKET_END, LATENESS, MONTH, SEPARATOR
from data.time_grid import MICROSECOND, ceil_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from data.delta.table import Table
    from data.delta.telemetry import Telemetry, TelemetryChange
    from data.time_grid import Span

PIECE_CELLS: Final = 1 << 23  # samples that are rolled up at once: 64 MiB, and several times that during the rollup
VERSION_NOTE: Final = "telemetry"
WIDTH_NOTE: Final = "bucket_width_us"
FINISHED_NOTE: Final = "finished"
UNFINISHED: Final = -1


@dataclass(frozen=True, slots=True)
class Buckets:
    """Buckets of one width by (node, bucket_end, lateness)."""

    table: Table
    width: timedelta

    def read(
        self,
        columns: Sequence[str] | None = None,
        until: datetime | None = None,
        start: datetime | None = None,
    ) -> pl.DataFrame:
        """Return node, bucket_end, lateness and columns (default: all) of buckets with start <= bucket_end <= until.

        They are those of the last complete refresh, also during another refresh or after one that failed.

        Raises:
            DataError: if the buckets have another width.
        """
        table = self.finished_table()
        if table.read_note(WIDTH_NOTE) not in (None, self._width_note):
            raise DataError(f"{table.uri} holds buckets of another width than {self.width}", fix="ingest again")
        rows = (
            table.select(table.schema() if columns is None else columns)
            .filter(within(BUCKET_END, start, until))
            .drop(MONTH)
        )
        counts = cs.ends_with(f"{SEPARATOR}{AGGREGATES[0]}")  # null in buckets older than their metric
        return rows.with_columns(counts.fill_null(0).cast(pl.UInt32)).collect()

    def changed_spans(self, since: int, before: datetime, now: datetime) -> list[Span] | None:
        """Return spans of bucket ends: buckets outside of them that end by `before` look the same at both times.

        `since` is the version that was read as of `before`. None if the changes are unknown.
        """
        table = self.finished_table()
        spans = table.changed_spans(since)
        return None if spans is None else spans + [(end, end) for end in self._late_ends(table, before, now)]

    def _late_ends(self, table: Table, before: datetime, now: datetime) -> list[datetime]:
        """Return the ends, by `before`, of buckets of which a part became known after `before` and by `now`."""
        max_lateness = table.max_value(LATENESS)
        if not isinstance(max_lateness, int) or not max_lateness:
            return []
        known_at = pl.col(BUCKET_END) + pl.col(LATENESS).cast(pl.Int64) * self.width
        recent = table.scan().filter(within(BUCKET_END, before - max_lateness * self.width, before))
        late = recent.filter((pl.col(LATENESS) > 0) & (known_at > before) & (known_at <= now))
        return late.select(pl.col(BUCKET_END).unique()).collect()[BUCKET_END].to_list()

    def finished_table(self) -> Table:
        """Return the table as the last complete refresh left it."""
        version = self.table.read_note(FINISHED_NOTE)
        return self.table.at_version(-1 if version is None else version)

    def refresh(self, telemetry: Telemetry, change: TelemetryChange) -> int:
        """Roll up the telemetry that a change affects again, and return the number of rows written.

        Each piece, of at most a month, is one commit. A last commit notes that the buckets are complete, and for which
        version of telemetry. If the notes show another width or an incomplete refresh, everything is rolled up again,
        except buckets whose telemetry was deleted.

        Raises:
            DataError: if buckets whose telemetry was deleted would need another width.
        """
        version, has_width = telemetry.table.version(), self.table.read_note(WIDTH_NOTE) == self._width_note
        rolled_up = self.table.read_note(VERSION_NOTE) if has_width else None
        if rolled_up == version or version < 0:
            return 0
        spans = change.spans
        if rolled_up != change.since:
            spans = telemetry.spans()
            self._clear(telemetry.dropped_until())
        complete = self._complete_spans(bucket_spans(spans, self.width), telemetry.dropped_until())
        written = sum(self._roll_up(telemetry, piece) for span in complete for piece in self._pieces(telemetry, span))
        self.mark_finished(telemetry)
        return written

    def mark_finished(self, telemetry: Telemetry) -> None:
        """Note that the present buckets are complete for the present version of telemetry."""
        version, finished = telemetry.table.version(), self.table.version() + 1
        self.table.write_notes({VERSION_NOTE: version, WIDTH_NOTE: self._width_note, FINISHED_NOTE: finished})

    def is_finished(self, telemetry: Telemetry) -> bool:
        """Return whether the notes name the present versions of the buckets and of telemetry."""
        now = (telemetry.table.version(), self.table.version(), self._width_note)
        return now == tuple(self.table.read_note(note) for note in (VERSION_NOTE, FINISHED_NOTE, WIDTH_NOTE))

    @property
    def _width_note(self) -> int:
        return self.width // MICROSECOND

    def _clear(self, dropped_until: datetime | None) -> None:
        """Delete every bucket that can be rolled up again."""
        if self.table.version() < 0:
            return
        if dropped_until is None:
            self.table.rewrite(pl.DataFrame(schema=dict(self.table.keys)), {VERSION_NOTE: UNFINISHED})
            return
        self._require_width(dropped_until)
        self.table.delete_after(ceil_time(dropped_until, self.width), {VERSION_NOTE: UNFINISHED})

    def _require_width(self, dropped_until: datetime) -> None:
        stored_width = self.table.read_note(WIDTH_NOTE)
        if stored_width in (None, self._width_note):
            return
        if self.table.scan().filter(within(BUCKET_END, None, dropped_until)).head(1).collect().height:
            raise DataError(
                f"{self.table.uri}: the buckets up to {dropped_until:%Y-%m-%d %H:%M} can't be made {self.width} wide: "
                "retention has dropped their telemetry",
                fix=f"set buckets.width back to {stored_width * MICROSECOND}, or let retention.buckets drop them",
            )

    def _complete_spans(self, spans: Iterable[Span], dropped_until: datetime | None) -> list[Span]:
        """Leave out the buckets of which samples were deleted: a new rollup would lose these samples."""
        if dropped_until is None:
            return list(spans)
        first = ceil_time(dropped_until, self.width) + self.width
        return [(max(low, first), high) for low, high in spans if high >= first]

    def _pieces(self, telemetry: Telemetry, span: Span) -> Iterator[Span]:
        """Split a span of bucket ends into pieces whose telemetry fits into memory."""
        low, high = span
        count = (high - low) // self.width + 1
        cells = telemetry.count(low - self.width, high) * len(telemetry.metrics())
        step = max(count * PIECE_CELLS // max(cells, PIECE_CELLS), 1) * self.width
        while low <= high:
            yield low, min(low + step - self.width, high)
            low += step

    def _roll_up(self, telemetry: Telemetry, piece: Span) -> int:
        low, high = piece
        rows = telemetry.read(start=low - self.width + MICROSECOND, end=high)
        from data.delta.rollup import rollup  # noqa: PLC0415 - NumPy, which reading tables does without

        buckets = rollup(rows, telemetry.metrics(), self.width)
        if self.table.scan().filter(within(BUCKET_END, low, high)).head(1).collect().height:
            self.table.replace(buckets, low, high)
        else:
            self.table.append(buckets)
        return buckets.height


def bucket_spans(spans: Iterable[Span], width: timedelta) -> list[Span]:
    """Convert spans of sample times to spans of bucket ends, at most one for each month."""
    by_month: dict[str, Span] = {}
    for low, high in spans:
        for first, last in _by_month(ceil_time(low, width), ceil_time(high, width), width):
            low_end, high_end = by_month.get(month_of(first), (first, last))
            by_month[month_of(first)] = min(first, low_end), max(last, high_end)
    return sorted(by_month.values())


def _by_month(low: datetime, high: datetime, width: timedelta) -> Iterator[Span]:
    while low <= high:
        next_month = (low.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        last = min(high, ceil_time(next_month, width) - width)
        yield low, last
        low = last + width
