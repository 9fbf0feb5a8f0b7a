"""Thins daily snapshots out to the rows that say something new, with the last value of each node in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from data.schema import NODE, UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """The last value of each metric of each node: one row a node."""

    values: pl.DataFrame

    @classmethod
    def nothing(cls, metrics: Sequence[str]) -> ChangeFilter:
        """Know no node yet."""
        return cls(pl.DataFrame(schema={NODE: pl.String(), **dict.fromkeys(metrics, pl.Float64())}))

    def changed(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Keep rows of a new node, with a value unlike the last one, or with something that can't be read.

        A missing value says nothing, so it is no change.
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
        """Hold the values of later rows."""
        latest = rows.drop_nulls(NODE).select(self.values.columns).unique(NODE, keep="last", maintain_order=True)
        return ChangeFilter(self.values.update(latest, on=NODE, how="full"))
