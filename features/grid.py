"""Nodes and times as integers: the axes on which every feature is computed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.errors import SettingsError
from data.time_grid import EPOCH, MICROSECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

Times = NDArray[np.datetime64]  # datetime64[us], UTC
Index = NDArray[np.int64]
Array = NDArray[np.float64]
DAY = np.timedelta64(86_400_000_000, "us")


def to_numpy(moment: datetime) -> np.datetime64:
    """Turn an aware time into datetime64[us] in UTC."""
    return np.datetime64((moment - EPOCH) // MICROSECOND, "us")


def to_times(column: pl.Series) -> Times:
    """Turn a column of UTC times into datetime64[us]; nulls become NaT."""
    return column.dt.replace_time_zone(None).to_numpy().astype("datetime64[us]")


def to_datetime(moment: np.datetime64) -> datetime:
    """Turn datetime64 in UTC into an aware time."""
    return EPOCH + timedelta(microseconds=int(moment.astype("datetime64[us]").astype(np.int64)))


def to_step(length: timedelta) -> np.timedelta64:
    """Turn a length of time into timedelta64[us]."""
    return np.timedelta64(length // MICROSECOND, "us")


def locate(requested: pl.Series, names: Sequence[str] | pl.Series) -> Index:
    """Return the position of each requested name in the sorted `names`, -1 where it is unknown."""
    order = pl.DataFrame({"name": names}, schema={"name": pl.String}).with_row_index("position")
    table = requested.cast(pl.String).rename("name").to_frame()
    positions = table.join(order, on="name", how="left", maintain_order="left")["position"]
    return positions.cast(pl.Int64).fill_null(-1).to_numpy()


@dataclass(frozen=True, slots=True)
class Grid:
    """Buckets of one width in a row: bucket i ends at (first + i) widths after the epoch."""

    first: int
    count: int
    width: timedelta

    @classmethod
    def spanning(cls, start: np.datetime64, end: np.datetime64, width: timedelta) -> Grid:
        """Cover every bucket that ends in [start, end]."""
        step = int(to_step(width).astype(np.int64))
        low = -(-int(start.astype("datetime64[us]").astype(np.int64)) // step)
        high = int(end.astype("datetime64[us]").astype(np.int64)) // step
        return cls(low, max(high - low + 1, 0), width)

    @classmethod
    def clock(cls, width: timedelta) -> Grid:
        """Count bucket widths since the epoch."""
        return cls(0, 0, width)

    @property
    def start(self) -> datetime:
        """When the first bucket ends."""
        return EPOCH + self.first * self.width

    @property
    def end(self) -> datetime:
        """When the last bucket ends."""
        return EPOCH + (self.first + self.count - 1) * self.width

    @property
    def numbers(self) -> NDArray[np.float64]:
        """Whole bucket widths since the epoch at which each bucket ends."""
        return np.arange(self.first, self.first + self.count, dtype=np.float64)

    def position(self, ends: Times) -> Index:
        """Return the index of the bucket that ends at each time.

        Raises:
            SettingsError: if a time is not a multiple of the bucket's width.
        """
        ticks, step = ends.astype("datetime64[us]").astype(np.int64), int(to_step(self.width).astype(np.int64))
        if np.any(ticks % step):
            off = ends[np.argmax(ticks % step != 0)]
            raise SettingsError(
                f"cutoff {off} is not on the grid of buckets of {self.width}",
                fix="choose a time at which a bucket ends: whole multiples of buckets.width from midnight UTC",
            )
        return ticks // step - self.first

    def length(self, window: timedelta) -> int:
        """Count the buckets of a window.

        Raises:
            SettingsError: if the window is no multiple of the bucket's width.
        """
        count, remainder = divmod(window, self.width)
        if remainder or count < 1:
            raise SettingsError(
                f"a window of {window} is not a multiple of the buckets' {self.width}",
                fix="choose buckets.width so that it divides every window",
            )
        return count
