"""Collects drives and failures from daily snapshots of drives, one block of rows after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import polars as pl

from data.schema import NODE, TS, UNREADABLE, UNREADABLE_TYPE, UTC, EventKind
from data.time_grid import DAY

DRIVES: Final = {
    NODE: pl.String(),
    "hardware": pl.String(),
    "size_tb": pl.Float64(),
    "first": UTC,
    "last": UTC,
}
FAILURES: Final = {NODE: pl.String(), "start": UTC, "end": UTC}
UNREADABLE_ROWS: Final = {NODE: pl.String(), "start": UTC, UNREADABLE: UNREADABLE_TYPE}


@dataclass(frozen=True, slots=True)
class Census:
    """Drives with the first and the last day on which they are listed, and failures with the day of a return."""

    drives: pl.DataFrame
    failures: pl.DataFrame
    unreadable: pl.DataFrame  # rows that may mark a failure, but can't be read

    @classmethod
    def empty(cls) -> Census:
        """Return a census without drives."""
        return cls(*(pl.DataFrame(schema=schema) for schema in (DRIVES, FAILURES, UNREADABLE_ROWS)))

    def after(self, rows: pl.DataFrame) -> Census:
        """Return the census after rows (node, ts, hardware, capacity, failure) of the same or a later day."""
        readable = rows.filter(pl.col(NODE).is_not_null() & pl.col(TS).is_not_null())
        unreadable = self.unreadable
        if UNREADABLE in rows.columns:
            added = rows.filter(pl.col(UNREADABLE).is_not_null()).select(NODE, pl.col(TS).alias("start"), UNREADABLE)
            unreadable = pl.concat([unreadable, added])
        return Census(_updated_drives(self.drives, readable), _updated_failures(self.failures, readable), unreadable)

    def nodes(self) -> pl.DataFrame:
        """Return the drives as nodes.

        A drive that is not listed on the newest day was observed until the end of its last day or, if it failed on that
        day, until its beginning. A drive of the newest day is still observed, unless it failed.
        """
        newest = self.drives["last"].max()
        failed = self.failures.filter(pl.col("end").is_null()).select(NODE, pl.lit(value=True).alias("is_failed"))
        drives = self.drives.join(failed, on=NODE, how="left").with_columns(pl.col("is_failed").fill_null(value=False))
        left_at = (
            pl.when("is_failed").then(pl.max_horizontal("last", pl.col("first") + DAY)).otherwise(pl.col("last") + DAY)
        )
        has_left = pl.col("is_failed") | (pl.col("last") < newest)
        return drives.sort(NODE).select(
            NODE, "hardware", "size_tb", observed_from="first", observed_until=pl.when(has_left).then(left_at)
        )

    def events(self) -> pl.DataFrame:
        """Return the failures as events, each recorded at the end of the day that shows it."""
        tables = [self.failures, self.unreadable] if self.unreadable.height else [self.failures]
        return (
            pl.concat(tables, how="diagonal")
            .sort("start", NODE)
            .with_columns(
                pl.lit(str(EventKind.FAILURE)).alias("kind"),
                pl.lit("drive_failure").alias("cause"),
                (pl.col("start") + DAY).alias("recorded_at"),
                (pl.col("end") + DAY).alias("end_recorded_at"),
            )
        )


def _updated_drives(drives: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    capacity = pl.when(pl.col("capacity") > 0).then(pl.col("capacity"))  # -1 where the drive did not report it
    listed = rows.select(
        NODE,
        "hardware",
        (capacity / 1e12).round(1).alias("size_tb"),
        pl.col(TS).alias("first"),
        pl.col(TS).alias("last"),
    )
    grouped = pl.concat([drives, listed]).group_by(NODE, maintain_order=True)
    return grouped.agg(pl.col("hardware", "size_tb").drop_nulls().last(), pl.col("first").min(), pl.col("last").max())


def _updated_failures(failures: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """End the failures of drives that are listed again, and add those of drives without an open failure."""
    is_marked = pl.col("failure").fill_null(0) > 0
    returns = rows.filter(~is_marked).group_by(NODE).agg(pl.col(TS).min().alias("returned"))
    has_returned = pl.col("end").is_null() & (pl.col("returned") > pl.col("start"))
    ended = failures.join(returns, on=NODE, how="left", maintain_order="left").select(
        NODE, "start", pl.when(has_returned).then("returned").otherwise("end").alias("end")
    )
    open_failures = ended.filter(pl.col("end").is_null())
    marked = (
        rows.filter(is_marked)
        .join(open_failures, on=NODE, how="anti")
        .group_by(NODE)
        .agg(pl.col(TS).min().alias("start"))
    )
    return pl.concat([ended, marked.with_columns(pl.lit(None, UTC).alias("end"))])
