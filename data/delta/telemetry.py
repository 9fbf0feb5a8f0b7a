"""The telemetry table: every sample once, by the merge rule."""

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

Span = tuple[datetime, datetime]
DROPPED_NOTE: Final = "dropped_until_us"


@dataclass(frozen=True, slots=True)
class Change:
    """What a merge did to the table: its version before, rows counted, and the times of the changed rows.

    `spans` has the first and the last changed time of each month. `expired` rows were left out: retention
    has dropped the samples of their time, so their buckets can't be rolled up again.
    """

    since: int
    inserted: int
    replaced: int
    unchanged: int
    spans: tuple[Span, ...]
    expired: int = 0

    @classmethod
    def nothing(cls, version: int) -> Change:
        """Change nothing about a version."""
        return cls(version, 0, 0, 0, ())

    def followed_by(self, later: Change) -> Change:
        """Add up two changes, one after the other."""
        return Change(
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
        """Name the metrics that the table has, in alphabetical order."""
        return tuple(sorted(set(self.table.schema()) - set(TELEMETRY_KEYS)))

    def read(
        self,
        columns: Sequence[str] | None = None,
        until: datetime | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> pl.DataFrame:
        """Read node, ts, available_at and some metrics (default: all) of the rows with start <= ts <= end.

        Rows that became known after `until` are left out.
        """
        rows = self.table.select(self.metrics() if columns is None else columns).filter(within(TS, start, end))
        if until is not None:  # nothing is known before it was measured
            rows = rows.filter(within(TS, None, until) & (pl.col(AVAILABLE_AT) <= until))
        return rows.drop(MONTH).collect()

    def count(self, start: datetime, end: datetime) -> int:
        """Count the rows with start <= ts <= end."""
        return int(self.table.scan().filter(within(TS, start, end)).select(pl.len()).collect(engine="streaming").item())

    def spans(self) -> tuple[Span, ...]:
        """Give the first and the last time of each month."""
        found = self.table.scan().group_by(MONTH).agg(low=pl.col(TS).min(), high=pl.col(TS).max()).sort(MONTH)
        return tuple(found.select("low", "high").collect(engine="streaming").iter_rows())

    def merge(self, batch: pl.DataFrame) -> Change:
        """Merge a batch: one commit for rows with new keys, and one for each month in which a row changes."""
        since, dropped_until = self.table.version(), self.dropped_until()
        live = batch if dropped_until is None else batch.filter(pl.col(TS) > dropped_until)
        expired = batch.height - live.height
        if not live.height:
            return replace(Change.nothing(since), expired=expired)
        rows = self._fitted(TELEMETRY_RULE.resolve(live)).with_columns(
            pl.col(TS).dt.strftime(MONTH_FORMAT).alias(MONTH)
        )
        parts = {part[MONTH][0]: part.drop(MONTH) for part in rows.partition_by(MONTH)}
        found = {month: self._compare(month, part) for month, part in sorted(parts.items())}
        self.table.append(pl.concat(changes.inserted for changes in found.values()))
        for changes in found.values():
            self._replace(changes.replaced)
        return replace(_summary(since, list(found.values())), expired=expired)

    def dropped_until(self) -> datetime | None:
        """Give the time up to which retention has dropped the samples; None if it never has."""
        noted = self.table.noted(DROPPED_NOTE)
        return None if noted is None else EPOCH + noted * MICROSECOND

    def drop(self, until: datetime) -> None:
        """Delete the samples up to a time, whole months first, and accept none of that time any more."""
        until = max(until, self.dropped_until() or until)  # a clock that went back brings nothing back
        delete_until(self.table, until, {DROPPED_NOTE: (until - EPOCH) // MICROSECOND})

    def _compare(self, month: str, rows: pl.DataFrame) -> MergeChanges:
        """Compare one month's rows with those that the table holds of the same keys."""
        if month not in self.table.months():
            return MergeChanges(rows, rows.clear(), 0)
        stored = self.table.scan().filter(pl.col(MONTH) == month).drop(MONTH)
        return TELEMETRY_RULE.compare(
            stored.join(rows.lazy().select(TELEMETRY_RULE.keys), on=TELEMETRY_RULE.keys, how="semi").collect(), rows
        )

    def _replace(self, rows: pl.DataFrame) -> None:
        """Put rows of one month in the place of those with the same keys."""
        if not rows.height:
            return
        low, high = _span(rows[TS])
        stored = self.table.scan().filter(within(TS, low, high)).drop(MONTH)
        keys = TELEMETRY_RULE.keys
        kept = stored.join(rows.lazy().select(keys), on=keys, how="anti").collect()
        self.table.replace(pl.concat([kept, rows], how="diagonal"), low, high)

    def _fitted(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Give a metric one width in table and rows: the wider, so that no digit depends on who came first."""
        stored = self.table.schema()
        shared = [name for name in rows.columns if name in stored and rows.schema[name] != stored[name]]
        if any(stored[name] == pl.Float32 for name in shared):
            wider = pl.col([name for name in shared if stored[name] == pl.Float32]).cast(pl.Float64)
            self.table.rewrite(self.table.scan().drop(MONTH).with_columns(wider).collect())
        return rows.with_columns(pl.col(shared).cast(pl.Float64)) if shared else rows


def _summary(since: int, found: Sequence[MergeChanges]) -> Change:
    changed = [pl.concat([part.inserted[TS], part.replaced[TS]]) for part in found]
    return Change(
        since=since,
        inserted=sum(part.inserted.height for part in found),
        replaced=sum(part.replaced.height for part in found),
        unchanged=sum(part.unchanged for part in found),
        spans=tuple(_span(times) for times in changed if len(times)),
    )


def _span(times: pl.Series) -> Span:
    low, high = times.min(), times.max()
    assert isinstance(low, datetime)  # polars can't tell mypy that times are never empty here
    assert isinstance(high, datetime)
    return low, high
