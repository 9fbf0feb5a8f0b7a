"""Lists the rows and cells that could not be used, checks them again, or drops them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from data.durations import parse_duration
from data.errors import SettingsError
from data.ingest.quarantine import Quarantine
from data.ingest.quarantine_replay import ReplayReport, replay
from pipelines.settings.field_types import LONGEST_DURATION
from pipelines.wiring import wiring
from pipelines.wiring.ingest_options import ingest_options

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from pipelines.settings.schema import Settings

EXAMPLES: Final = 3
TABLES: Final = ("nodes", "events", "blind", "telemetry")


@dataclass(frozen=True, slots=True)
class Selection:
    """Some quarantined rows: those of one table, with some words in their reason; empty means all."""

    table: str = ""
    reason: str = ""

    def rows(self) -> pl.Expr:
        """Return the expression that selects the rows.

        Raises:
            SettingsError: if there is no such table.
        """
        if self.table and self.table not in TABLES:
            raise SettingsError(f"--table {self.table}: no such table", fix=f"name one of {', '.join(TABLES)}")
        is_table = pl.col("table") == self.table if self.table else pl.lit(value=True)
        return is_table & pl.col("reason").str.to_lowercase().str.contains(self.reason.lower(), literal=True)


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one table and source with the same reason; `first` and `last` are times of the rows themselves."""

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
    """What is in quarantine, the result of checking rows again, and how many were dropped."""

    groups: tuple[Group, ...]
    replayed: ReplayReport | None = None
    purged: int | None = None

    @property
    def rows(self) -> int:
        """The number of rows and cells."""
        return sum(group.rows for group in self.groups)


def list_quarantine(settings: Settings, selection: Selection) -> Listing:
    """List the quarantine by table, reason and source, the largest groups first."""
    rows = Quarantine(wiring.store(settings).quarantine).read().filter(selection.rows())
    groups = rows.group_by("table", "reason", "source").agg(
        pl.len().alias("rows"),
        pl.col("node").n_unique().alias("nodes"),
        pl.col("ts").min().alias("first"),
        pl.col("ts").max().alias("last"),
        pl.col("row").sort().head(EXAMPLES).alias("examples"),
    )
    ordered = groups.sort("rows", "table", "reason", "source", descending=[True, False, False, False])
    return Listing(tuple(Group(**{**row, "examples": tuple(row["examples"])}) for row in ordered.to_dicts()))


def check_again(settings: Settings, selection: Selection) -> Listing:
    """Check the rows again by the present settings and inventory, merge the valid ones, and list what stays."""
    selected = selection.rows()
    with wiring.records(settings) as records:
        replayed = replay(wiring.store(settings), records, wiring.wall_clock, ingest_options(settings), selected)
    return Listing(list_quarantine(settings, selection).groups, replayed=replayed)


def purge_age(older_than: str | None, *, replay: bool, purge: bool) -> timedelta | None:
    """Return the age from which rows are dropped; None if none are.

    Raises:
        SettingsError: if the options contradict each other, or the age is not a duration.
    """
    if purge == (older_than is None) or (purge and replay):
        raise SettingsError(
            "--purge and --older-than go together, and without --replay",
            fix="run nodeward quarantine --purge --older-than 90d, or nodeward quarantine --replay",
        )
    if older_than is None:
        return None
    try:
        age = parse_duration(older_than)
    except ValueError as fault:
        raise SettingsError(f"--older-than {older_than}: {fault}", fix="write 90d, 36h or 1d12h") from None
    return min(age, LONGEST_DURATION)


def purge(settings: Settings, selection: Selection, older_than: timedelta) -> Listing:
    """Drop the rows that came longer ago, and list what stays."""
    store, selected = wiring.store(settings), selection.rows()
    with store.exclusive_lock(ingest_options(settings).lock_timeout):
        purged = Quarantine(store.quarantine).purge(wiring.wall_clock() - older_than, selected)
    return Listing(list_quarantine(settings, selection).groups, purged=purged)
