"""The telemetry table, which stores every sample once, by the merge rule."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import polars as pl

from data.delta.compaction import delete_until
from data.delta.table import MONTH_FORMAT, within
from data.merge_rule import TELEMETRY_RULE, MergeChanges
from data.schema import AVAILABLE_AT, MONTH, TELEMETRY_KEYS, TS
from data.time_grid import EPOCH, MICROSECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data.delta.table import Table
    from data.time_grid import Span

DROPPED_NOTE: Final = "dropped_until_us"


@dataclass(frozen=True, slots=True)
class TelemetryChange:
    """What a merge changed: the version before it, the numbers of rows, and the times of the changed rows.

    `spans` has the first and the last changed time of each month. `expired` rows were not merged: retention has
    deleted the samples of their time, so their buckets can't be rolled up again.
    """

    since: int
    inserted: int
    replaced: int
    unchanged: int
    spans: tuple[Span, ...]
    expired: int = 0

    @classmethod
    def none(cls, version: int) -> TelemetryChange:
        """Return a change of nothing since a version."""
        return cls(version, 0, 0, 0, ())

    def followed_by(self, later: TelemetryChange) -> TelemetryChange:
        """Return the sum of this change and a later one."""
        return TelemetryChange(
            self.since,
            self.inserted + later.inserted,
            self.replaced + later.replaced,
            self.unchanged + later.unchanged,
            self.spans + later.spans,
            self.expired + later.expired,
        )


@dataclass(frozen=True, slots=True)
class Telemetry:
    """Samples by (node, ts)."""

    table: Table

    def metrics(self) -> tuple[str, ...]:
        """Return the names of the table's metrics, in alphabetical order."""
        return tuple(sorted(set(self.table.schema()) - set(TELEMETRY_KEYS)))

    def read(
        self,
        columns: Sequence[str] | None = None,
        until: datetime | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pl.DataFrame:
        """Return node, ts, available_at and metrics (default: all) of the rows with start <= ts <= end.

        Rows that became available after `until` are left out.
        """
        rows = self.table.select(self.metrics() if columns is None else columns).filter(within(TS, start, end))
        if until is not None:  # no row is available before its ts
            rows = rows.filter(within(TS, None, until) & (pl.col(AVAILABLE_AT) <= until))
        return rows.drop(MONTH).collect()

    def count(self, start: datetime, end: datetime) -> int:
        """Count the rows with start <= ts <= end."""
        return int(self.table.scan().filter(within(TS, start, end)).select(pl.len()).collect(engine="streaming").item())

    def spans(self) -> tuple[Span, ...]:
        """Return the first and the last time of each month."""
        spans = self.table.scan().group_by(MONTH).agg(low=pl.col(TS).min(), high=pl.col(TS).max()).sort(MONTH)
        return tuple(spans.select("low", "high").collect(engine="streaming").iter_rows())

    def merge(self, batch: pl.DataFrame) -> TelemetryChange:
        """Merge a batch, in one commit for rows with new keys and one for each month in which a row changes."""
        since, dropped_until = self.table.version(), self.dropped_until()
        mergeable = batch if dropped_until is None else batch.filter(pl.col(TS) > dropped_until)
        expired = batch.height - mergeable.height
        if not mergeable.height:
            return replace(TelemetryChange.none(since), expired=expired)
        rows = self._with_shared_types(TELEMETRY_RULE.resolve(mergeable)).with_columns(
            pl.col(TS).dt.strftime(MONTH_FORMAT).alias(MONTH)
        )
        by_month = {part[MONTH][0]: part.drop(MONTH) for part in rows.partition_by(MONTH)}
        changes = [self._compare(month, part) for month, part in sorted(by_month.items())]
        self.table.append(pl.concat(change.inserted for change in changes))
        for change in changes:
            self._replace(change.replaced)
        return replace(_summary(since, changes), expired=expired)

    def dropped_until(self) -> datetime | None:
        """Return the time up to which retention has deleted the samples; None if it never has."""
        micros = self.table.read_note(DROPPED_NOTE)
        return None if micros is None else EPOCH + micros * MICROSECOND

    def drop(self, until: datetime) -> None:
        """Delete the samples up to a time, and accept no more samples of that time."""
        until = max(until, self.dropped_until() or until)  # also if the clock was set back
        delete_until(self.table, until, {DROPPED_NOTE: (until - EPOCH) // MICROSECOND})

    def _compare(self, month: str, rows: pl.DataFrame) -> MergeChanges:
        """Compare the rows of one month with the stored rows of the same keys."""
        if month not in self.table.months():
            return MergeChanges(rows, rows.clear(), 0)
        stored = self.table.scan().filter(pl.col(MONTH) == month).drop(MONTH)
        return TELEMETRY_RULE.compare(
            stored.join(rows.lazy().select(TELEMETRY_RULE.keys), on=TELEMETRY_RULE.keys, how="semi").collect(), rows
        )

    def _replace(self, rows: pl.DataFrame) -> None:
        """Replace the stored rows with the keys of these rows, all of one month."""
        if not rows.height:
            return
        low, high = _span(rows[TS])
        stored = self.table.scan().filter(within(TS, low, high)).drop(MONTH)
        keys = TELEMETRY_RULE.keys
        kept = stored.join(rows.lazy().select(keys), on=keys, how="anti").collect()
        self.table.replace(pl.concat([kept, rows], how="diagonal"), low, high)

    def _with_shared_types(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Convert each metric to the wider float width of table and rows, so that no digit depends on the order."""
        stored = self.table.schema()
        shared = [name for name in rows.columns if name in stored and rows.schema[name] != stored[name]]
        if any(stored[name] == pl.Float32 for name in shared):
            wider = pl.col([name for name in shared if stored[name] == pl.Float32]).cast(pl.Float64)
            self.table.rewrite(self.table.scan().drop(MONTH).with_columns(wider).collect())
        return rows.with_columns(pl.col(shared).cast(pl.Float64)) if shared else rows


def _summary(since: int, changes: Sequence[MergeChanges]) -> TelemetryChange:
    changed = [pl.concat([change.inserted[TS], change.replaced[TS]]) for change in changes]
    return TelemetryChange(
        since=since,
        inserted=sum(change.inserted.height for change in changes),
        replaced=sum(change.replaced.height for change in changes),
        unchanged=sum(change.unchanged for change in changes),
        spans=tuple(_span(times) for times in changed if len(times)),
    )


def _span(times: pl.Series) -> Span:
    low, high = times.min(), times.max()
    assert isinstance(low, datetime)  # `times` is never empty here, which mypy can't know
    assert isinstance(high, datetime)
    return low, high
