"""The Delta tables of one state folder, and the lock that allows one writer at a time."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from data.delta.buckets import Buckets
from data.delta.table import Table, within
from data.delta.telemetry import Telemetry
from data.disk.lock import exclusive_lock
from data.errors import SettingsError
from data.schema import BUCKET_END, BUCKET_KEYS, MONTH, NODE, QUARANTINE_SCHEMA, SCORE_SCHEMA, TELEMETRY_KEYS, TS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from contextlib import AbstractContextManager
    from datetime import datetime

    import polars as pl

FORBIDDEN: Final = frozenset("=[]^|\\")
LOCK_TIMEOUT: Final = timedelta(seconds=30)  # for another process that adds to the same table
SCORE_KEYS: Final = (NODE, TS, "horizon_hours", "model_version")


@dataclass(frozen=True, slots=True)
class AppendOnlyTable:
    """A table that only grows: rows whose keys it already has are not written again.

    `lock` prevents that two processes add the same row at the same time; None where the store's lock does that.
    """

    table: Table
    keys: tuple[str, ...]
    lock: Path | None = None

    def add(self, rows: pl.DataFrame) -> int:
        """Append the new rows and return their number."""
        with exclusive_lock(self.lock, LOCK_TIMEOUT) if self.lock else nullcontext():
            stored = self.table.scan().select(self.keys)
            distinct = rows.unique(self.keys, keep="first", maintain_order=True).lazy()
            new = distinct.join(stored, on=self.keys, how="anti", nulls_equal=True, maintain_order="left").collect()
            self.table.append(new)
            return new.height

    def read(self, start: datetime | None = None, end: datetime | None = None) -> pl.DataFrame:
        """Return the rows with start <= time <= end."""
        return self.table.scan().filter(within(self.table.time, start, end)).drop(MONTH).collect()


@dataclass(frozen=True, slots=True)
class Store:
    """Telemetry, buckets, quarantined rows and the history of scores."""

    telemetry: Telemetry
    buckets: Buckets
    quarantine: AppendOnlyTable
    scores: AppendOnlyTable
    lock: Path | None

    @classmethod
    def open(cls, root: Path | str, width: timedelta, storage_options: Mapping[str, str] | None = None) -> Store:
        """Open the tables below a folder or a URL, with buckets of `width`; they are created when they are written.

        Raises:
            SettingsError: if the folder's path has a character that paths of Delta tables can't have.
        """
        base, options = str(root).rstrip("/"), dict(storage_options or {})
        remote = "://" in base
        if not remote and (forbidden := FORBIDDEN & set(base)):
            raise SettingsError(
                f"{base}: a state folder's path can't have {' or '.join(sorted(forbidden))}",
                fix="set state.path to another",
            )

        def table(name: str, time: str, keys: Mapping[str, pl.DataType]) -> Table:
            return Table(f"{base}/{name}", time, keys, options)

        return cls(
            telemetry=Telemetry(table("telemetry", TS, TELEMETRY_KEYS)),
            buckets=Buckets(table("buckets", BUCKET_END, BUCKET_KEYS), width),
            quarantine=AppendOnlyTable(table("quarantine", TS, QUARANTINE_SCHEMA), tuple(QUARANTINE_SCHEMA)),
            scores=AppendOnlyTable(
                table("scores", TS, SCORE_SCHEMA), SCORE_KEYS, None if remote else Path(base) / "scores.lock"
            ),
            lock=None if remote else Path(base) / "ingest.lock",
        )

    def exclusive_lock(self, timeout: timedelta) -> AbstractContextManager[None]:
        """Exclude other writers during a block; on an object store only Delta's commits detect concurrent writers.

        Raises:
            InfrastructureError: if another process holds the lock for longer than `timeout`.
        """
        return exclusive_lock(self.lock, timeout) if self.lock else nullcontext()

    def tables(self) -> tuple[Table, ...]:
        """Return the tables in their newest versions."""
        return (self.telemetry.table, self.buckets.table, self.quarantine.table, self.scores.table)

    def protected_versions(self, name: str, cited: Mapping[str, Collection[int]]) -> tuple[int, ...]:
        """Return the versions of a table that must stay readable: the cited ones and, of buckets, the finished one."""
        finished = self.buckets.finished_table()
        current = {finished.version()} if finished.name == name else set[int]()
        return tuple(sorted(version for version in current.union(cited.get(name, ())) if version >= 0))

    def versions(self) -> dict[str, int]:
        """Return the version of each table that exists, by name."""
        return {**self.training_versions(), **_versions(self.quarantine.table, self.scores.table)}

    def training_versions(self) -> dict[str, int]:
        """Return the versions of the tables that training reads, for a run to record them."""
        return _versions(self.telemetry.table, self.buckets.finished_table())


def _versions(*tables: Table) -> dict[str, int]:
    versions = {table.name: table.version() for table in tables}
    return {name: version for name, version in versions.items() if version >= 0}
