"""Who was there and who failed, gathered from daily snapshots of drives, one block of rows after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import polars as pl

from data.schema import NODE, TS, UNREADABLE, UNREADABLE_TYPE, UTC, EventKind

DAY: Final = timedelta(days=1)
DRIVES: Final = {
    NODE: pl.String(),
    "hardware": pl.String(),
    "size_tb": pl.Float64(),
    "first": UTC,
    "last": UTC,
}
FAILURES: Final = {NODE: pl.String(), "start": UTC, "end": UTC}
DOUBTS: Final = {NODE: pl.String(), "start": UTC, UNREADABLE: UNREADABLE_TYPE}


@dataclass(frozen=True, slots=True)
class Census:
    """Drives with the first and the last day that they were seen on, and failures with the day of a return."""

    drives: pl.DataFrame
    failures: pl.DataFrame
    doubts: pl.DataFrame  # rows that may tell of a failure, but can't be read

    @classmethod
    def empty(cls) -> Census:
        """Know nobody yet."""
        return cls(*(pl.DataFrame(schema=schema) for schema in (DRIVES, FAILURES, DOUBTS)))

    def after(self, rows: pl.DataFrame) -> Census:
        """Add rows (node, ts, hardware, capacity, failure) of a later day, or of the same."""
        seen = rows.filter(pl.col(NODE).is_not_null() & pl.col(TS).is_not_null())
        doubts = rows.filter(pl.col(UNREADABLE).is_not_null()) if UNREADABLE in rows.columns else None
        return Census(
            _together(self.drives, seen),
            _failed(self.failures, seen),
            self.doubts
            if doubts is None
            else pl.concat([self.doubts, doubts.select(NODE, pl.col(TS).alias("start"), UNREADABLE)]),
        )

    def nodes(self) -> pl.DataFrame:
        """Give the drives as nodes.

        One that was not seen on the newest day was there to the end of its last day, or, if it failed on that day,
        to its beginning. One of the newest day is still there, unless it failed.
        """
        newest = self.drives["last"].max()
        failed = self.failures.filter(pl.col("end").is_null()).select(NODE, pl.lit(value=True).alias("is_failed"))
        found = self.drives.join(failed, on=NODE, how="left").with_columns(pl.col("is_failed").fill_null(value=False))
        gone = (
            pl.when("is_failed").then(pl.max_horizontal("last", pl.col("first") + DAY)).otherwise(pl.col("last") + DAY)
        )
        is_gone = pl.col("is_failed") | (pl.col("last") < newest)
        return found.sort(NODE).select(
            NODE, "hardware", "size_tb", observed_from="first", observed_until=pl.when(is_gone).then(gone)
        )

    def events(self) -> pl.DataFrame:
        """Give the failures as events, each known at the end of the day that shows it."""
        found = pl.concat([self.failures, self.doubts] if self.doubts.height else [self.failures], how="diagonal")
        return found.sort("start", NODE).with_columns(
            pl.lit(str(EventKind.FAILURE)).alias("kind"),
            pl.lit("drive_failure").alias("cause"),
            (pl.col("start") + DAY).alias("recorded_at"),
            (pl.col("end") + DAY).alias("end_recorded_at"),
        )


def _together(drives: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    capacity = pl.when(pl.col("capacity") > 0).then(pl.col("capacity"))  # -1 where the drive did not tell
    now = seen.select(
        NODE,
        "hardware",
        (capacity / 1e12).round(1).alias("size_tb"),
        pl.col(TS).alias("first"),
        pl.col(TS).alias("last"),
    )
    grouped = pl.concat([drives, now]).group_by(NODE, maintain_order=True)
    return grouped.agg(pl.col("hardware", "size_tb").drop_nulls().last(), pl.col("first").min(), pl.col("last").max())


def _failed(failures: pl.DataFrame, seen: pl.DataFrame) -> pl.DataFrame:
    """End the failures of drives that are back, and add those of drives that have none open."""
    is_marked = pl.col("failure").fill_null(0) > 0
    back = seen.filter(~is_marked).group_by(NODE).agg(pl.col(TS).min().alias("back"))
    is_back = pl.col("end").is_null() & (pl.col("back") > pl.col("start"))
    ended = failures.join(back, on=NODE, how="left", maintain_order="left").select(
        NODE, "start", pl.when(is_back).then("back").otherwise("end").alias("end")
    )
    open_ = ended.filter(pl.col("end").is_null())
    marked = seen.filter(is_marked).join(open_, on=NODE, how="anti").group_by(NODE).agg(pl.col(TS).min().alias("start"))
    return pl.concat([ended, marked.with_columns(pl.lit(None, UTC).alias("end"))])
