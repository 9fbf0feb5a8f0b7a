"""Lists what could not be used, tries it again, or drops it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import SettingsError
from data.ingest.quarantine import Quarantine
from data.ingest.quarantine_replay import ReplayReport, replay
from pipelines.settings.durations import parse_duration
from pipelines.settings.field_types import LONGEST_DURATION
from pipelines.wiring import wiring
from pipelines.wiring.ingest_options import ingest_options

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from pipelines.settings.schema import Settings

EXAMPLES: Final = 3
TABLES: Final = ("nodes", "events", "blind", "telemetry")


@dataclass(frozen=True, slots=True)
class Which:
    """Which quarantined rows are meant: of one table, and with these words in their reason; empty means all."""

    table: str = ""
    reason: str = ""

    def rows(self) -> pl.Expr:
        """Pick the rows.

        Raises:
            SettingsError: if there is no such table.
        """
        if self.table and self.table not in TABLES:
            raise SettingsError(f"--table {self.table}: no such table", fix=f"name one of {', '.join(TABLES)}")
        is_table = pl.col("table") == self.table if self.table else pl.lit(value=True)
        return is_table & pl.col("reason").str.to_lowercase().str.contains(self.reason.lower(), literal=True)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one table and source with one reason against them; `first` and `last` are the rows' own times."""

    table: str
    reason: str
    source: str
    rows: int
    nodes: int
    first: datetime | None
    last: datetime | None
    examples: tuple[str, ...]  # JSON, as they were read


@dataclass(frozen=True, slots=True)
class Listing:
    """What is in quarantine, what became of those that were tried again, and how many were dropped."""

    groups: tuple[Group, ...]
    replayed: ReplayReport | None = None
    purged: int | None = None

    @property
    def rows(self) -> int:
        """Count the rows and cells."""
        return sum(group.rows for group in self.groups)


def listing(settings: Settings, which: Which) -> Listing:
    """List the quarantine by table, reason and source, the largest groups first."""
    rows = Quarantine(wiring.store(settings).quarantine).read().filter(which.rows())
    groups = rows.group_by("table", "reason", "source").agg(
        pl.len().alias("rows"),
        pl.col("node").n_unique().alias("nodes"),
        pl.col("ts").min().alias("first"),
        pl.col("ts").max().alias("last"),
        pl.col("row").sort().head(EXAMPLES).alias("examples"),
    )
    ordered = groups.sort("rows", "table", "reason", "source", descending=[True, False, False, False])
    return Listing(tuple(Group(**{**row, "examples": tuple(row["examples"])}) for row in ordered.to_dicts()))


def try_again(settings: Settings, which: Which) -> Listing:
    """Sift the rows again by the settings and the inventory as they are now, and list what stays."""
    chosen = which.rows()
    with wiring.records(settings) as records:
        told = replay(wiring.store(settings), records, wiring.wall_clock, ingest_options(settings), chosen)
    return Listing(listing(settings, which).groups, replayed=told)


def older(than: str | None, *, replay: bool, purge: bool) -> timedelta | None:
    """Read the age of what is to be dropped; None if nothing is.

    Raises:
        SettingsError: if the options contradict each other, or this is no duration.
    """
    if purge == (than is None) or (purge and replay):
        raise SettingsError(
            "--purge and --older-than go together, and without --replay",
            fix="run nodeward quarantine --purge --older-than 90d, or nodeward quarantine --replay",
        )
    if than is None:
        return None
    try:
        age = parse_duration(than)
    except ValueError as fault:
        raise SettingsError(f"--older-than {than}: {fault}", fix="write 90d, 36h or 1d12h") from None
    return min(age, LONGEST_DURATION)


def purge(settings: Settings, which: Which, older_than: timedelta) -> Listing:
    """Drop the rows that came longer ago, and list what stays."""
    store, chosen = wiring.store(settings), which.rows()
    with store.exclusive_lock(ingest_options(settings).lock_timeout):
        gone = Quarantine(store.quarantine).purge(wiring.wall_clock() - older_than, chosen)
    return Listing(listing(settings, which).groups, purged=gone)
