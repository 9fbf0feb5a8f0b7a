"""The bucket table: always what a rollup of the whole telemetry table would give, at the cost of what changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import polars as pl
import polars.selectors as cs

from data.delta.rollup import rollup
from data.delta.table import month_of, within
from data.errors import DataError
from data.schema import AGGREGATES, BUCKET_END, LATENESS, MONTH, SEPARATOR
from data.time_grid import MICROSECOND, ceil_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from data.delta.table import Table
    from data.delta.telemetry import Change, Span, Telemetry

PIECE_CELLS: Final = 1 << 23  # samples that are rolled up at once: 64 MiB, several times that while they are
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
        """Read node, bucket_end, lateness and some columns (default: all) where start <= bucket_end <= until.

        Reads what the last whole refresh left, also while another one is at work or after one that failed.

        Raises:
            DataError: if the buckets are of another width.
        """
        table = self.finished_table()
        if table.noted(WIDTH_NOTE) not in (None, self._width_note):
            raise DataError(f"{table.uri} holds buckets of another width than {self.width}", fix="ingest again")
        wanted = table.schema() if columns is None else columns
        rows = table.select(wanted).filter(within(BUCKET_END, start, until)).drop(MONTH)
        counts = cs.ends_with(f"{SEPARATOR}{AGGREGATES[0]}")  # null in buckets older than their metric
        return rows.with_columns(counts.fill_null(0).cast(pl.UInt32)).collect()

    def touched(self, since: int, known: datetime, now: datetime) -> list[Span] | None:
        """Give spans of bucket ends: what ended by `known` and lies outside of them tells now what it told then.

        `since` is the version that was read then. None if nobody can tell.
        """
        table = self.finished_table()
        spans = table.touched(since)
        return None if spans is None else spans + [(end, end) for end in self._told_late(table, known, now)]

    def _told_late(self, table: Table, known: datetime, now: datetime) -> list[datetime]:
        """List the buckets that had ended by a time and of which a part became known after it."""
        latest = table.largest(LATENESS)
        if not isinstance(latest, int) or not latest:
            return []
        known_at = pl.col(BUCKET_END) + pl.col(LATENESS).cast(pl.Int64) * self.width
        recent = table.scan().filter(within(BUCKET_END, known - latest * self.width, known))
        late = recent.filter((pl.col(LATENESS) > 0) & (known_at > known) & (known_at <= now))
        return late.select(pl.col(BUCKET_END).unique()).collect()[BUCKET_END].to_list()

    def finished_table(self) -> Table:
        """Give the table as the last whole refresh left it."""
        version = self.table.noted(FINISHED_NOTE)
        return self.table.pinned(-1 if version is None else version)

    def refresh(self, telemetry: Telemetry, change: Change) -> int:
        """Roll up anew what a change of telemetry touched; give the number of rows written.

        Each piece, a month at most, is one commit. A last one notes that they are whole, and the version of
        telemetry that they stand for. Where the notes show another width, or that a refresh did not finish,
        everything is rolled up again; but buckets whose telemetry was dropped stay as they are.

        Raises:
            DataError: if they would have to be made anew in another width.
        """
        version = telemetry.table.version()
        noted = self.table.noted(VERSION_NOTE) if self.table.noted(WIDTH_NOTE) == self._width_note else None
        if noted == version or version < 0:
            return 0
        spans = change.spans
        if noted != change.since:
            spans = telemetry.spans()
            self._clear(telemetry.dropped_until())
        whole = self._whole(bucket_spans(spans, self.width), telemetry.dropped_until())
        written = sum(self._roll(telemetry, piece) for span in whole for piece in self._pieces(telemetry, span))
        self.finish(telemetry)
        return written

    def finish(self, telemetry: Telemetry) -> None:
        """Note that the buckets, as they are now, stand for the telemetry as it is now."""
        version, finished = telemetry.table.version(), self.table.version() + 1
        self.table.note({VERSION_NOTE: version, WIDTH_NOTE: self._width_note, FINISHED_NOTE: finished})

    def stands_for(self, telemetry: Telemetry) -> bool:
        """Say whether the notes name the buckets and the telemetry as they are now."""
        now = (telemetry.table.version(), self.table.version(), self._width_note)
        return now == tuple(self.table.noted(note) for note in (VERSION_NOTE, FINISHED_NOTE, WIDTH_NOTE))

    @property
    def _width_note(self) -> int:
        return self.width // MICROSECOND

    def _clear(self, dropped_until: datetime | None) -> None:
        """Take away every bucket that can be rolled up again."""
        if self.table.version() < 0:
            return
        if dropped_until is None:
            self.table.rewrite(pl.DataFrame(schema=dict(self.table.keys)), {VERSION_NOTE: UNFINISHED})
            return
        self._require_width(dropped_until)
        self.table.cut(ceil_time(dropped_until, self.width), {VERSION_NOTE: UNFINISHED})

    def _require_width(self, dropped_until: datetime) -> None:
        noted = self.table.noted(WIDTH_NOTE)
        if noted in (None, self._width_note):
            return
        if self.table.scan().filter(within(BUCKET_END, None, dropped_until)).head(1).collect().height:
            raise DataError(
                f"{self.table.uri}: the buckets up to {dropped_until:%Y-%m-%d %H:%M} can't be made {self.width} wide: "
                "retention has dropped their telemetry",
                fix=f"set buckets.width back to {noted * MICROSECOND}, or let retention.buckets drop them",
            )

    def _whole(self, spans: Iterable[Span], dropped_until: datetime | None) -> list[Span]:
        """Leave out the buckets of which samples were dropped: rolled up again, they would lose them."""
        if dropped_until is None:
            return list(spans)
        first = ceil_time(dropped_until, self.width) + self.width
        return [(max(low, first), high) for low, high in spans if high >= first]

    def _pieces(self, telemetry: Telemetry, span: Span) -> Iterator[Span]:
        """Cut a span of bucket ends into pieces whose telemetry fits in memory."""
        low, high = span
        count = (high - low) // self.width + 1
        cells = telemetry.count(low - self.width, high) * len(telemetry.metrics())
        step = max(count * PIECE_CELLS // max(cells, PIECE_CELLS), 1) * self.width
        while low <= high:
            yield low, min(low + step - self.width, high)
            low += step

    def _roll(self, telemetry: Telemetry, piece: Span) -> int:
        low, high = piece
        rows = telemetry.read(start=low - self.width + MICROSECOND, end=high)
        rolled = rollup(rows, telemetry.metrics(), self.width)
        if self.table.scan().filter(within(BUCKET_END, low, high)).head(1).collect().height:
            self.table.replace(rolled, low, high)
        else:
            self.table.append(rolled)
        return rolled.height


def bucket_spans(spans: Iterable[Span], width: timedelta) -> list[Span]:
    """Turn spans of sample times into spans of bucket ends, one for each month at most."""
    found: dict[str, Span] = {}
    for low, high in spans:
        for first, last in _by_month(ceil_time(low, width), ceil_time(high, width), width):
            known = found.get(month_of(first), (first, last))
            found[month_of(first)] = min(first, known[0]), max(last, known[1])
    return sorted(found.values())


def _by_month(low: datetime, high: datetime, width: timedelta) -> Iterator[Span]:
    while low <= high:
        next_month = (low.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        last = min(high, ceil_time(next_month, width) - width)
        yield low, last
        low = last + width
