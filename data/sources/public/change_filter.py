"""Reduces daily snapshots to the rows with changes, with the last values of each node in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from data.schema import NODE, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """The last value of each metric, in one row for each node."""

    values: pl.DataFrame

    @classmethod
    def empty(cls, metrics: Sequence[str]) -> ChangeFilter:
        """Return a filter without nodes."""
        return cls(pl.DataFrame(schema={NODE: pl.String(), **dict.fromkeys(metrics, pl.Float64())}))

    def changed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows of new nodes, with a changed value, or with something unreadable.

        A missing value is no change.
        """
        metrics = self.values.columns[1:]
        before = rows.select(NODE).join(
            self.values.with_columns(pl.lit(1).alias("known")), on=NODE, how="left", maintain_order="left"
        )
        differs = [rows[name].is_not_null() & rows[name].ne_missing(before[name]) for name in metrics]
        unread = [rows[UNREADABLE].is_not_null()] if UNREADABLE in rows.columns else []
        is_new = before["known"].is_null()
        return rows.filter(pl.any_horizontal(is_new, *differs, *unread))

    def after(self, rows: pl.DataFrame) -> ChangeFilter:
        """Return the filter with the values of later rows."""
        latest = rows.drop_nulls(NODE).select(self.values.columns).unique(NODE, keep="last", maintain_order=True)
        return ChangeFilter(self.values.update(latest, on=NODE, how="full"))
