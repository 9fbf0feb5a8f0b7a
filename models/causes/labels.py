"""Which failures have a cause that says something, and under which few names causes are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE, EventKind
from features.training.labels import merge_failures

if TYPE_CHECKING:
    from features.grid import Index
    from models.setup import Terms

OTHER: Final = "other"  # every cause that is too rare to have a name of its own


@dataclass(frozen=True, slots=True)
class Causes:
    """The causes that are told apart, 'other' the last of them, and the words that stand for no cause."""

    names: tuple[str, ...]
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, events: pl.DataFrame, terms: Terms) -> Causes:
        """Name the causes that enough failures had."""
        counts = causes_of_failures(events, terms.unknown)["cause"].drop_nulls().value_counts()
        common = counts.filter((pl.col("count") >= terms.min_of_a_cause) & (pl.col("cause") != OTHER))
        return cls((*common["cause"].sort(), OTHER), terms.unknown)

    def numbers(self, causes: pl.Series) -> Index:
        """Number causes as they stand in `names`; -1 where there is none, 'other' for one without a name."""
        place = pl.DataFrame({"cause": self.names}).with_row_index("place")
        found = causes.rename("cause").to_frame().join(place, on="cause", how="left", maintain_order="left")
        number = pl.when(pl.col("cause").is_null()).then(-1).otherwise(pl.col("place").fill_null(len(self.names) - 1))
        return found.select(number.cast(pl.Int64)).to_series().to_numpy().astype(np.int64)


def known_causes(events: pl.DataFrame, unknown: tuple[str, ...]) -> pl.DataFrame:
    """Keep the failures with a cause that says something."""
    cause = pl.col("cause").str.strip_chars()
    says = cause.is_not_null() & ~cause.str.to_lowercase().is_in(list(unknown))
    return events.filter((pl.col("kind") == EventKind.FAILURE) & says).with_columns(cause)


def causes_of_failures(events: pl.DataFrame, unknown: tuple[str, ...]) -> pl.DataFrame:
    """Give each failure once, repeats merged: node, start and cause, null where nobody knows.

    The cause is the first one that says something among the failure's own events; of two that began together the
    one that was recorded last, which corrects the other.
    """
    failures = merge_failures(events).sort("start", NODE)
    told = known_causes(events, unknown).sort("start", "recorded_at", "cause", descending=[False, True, False])
    begins = failures.with_columns(pl.col("start").alias("begin"))
    own = told.select(NODE, "start", "cause").join_asof(
        begins, on="start", by=NODE, check_sortedness=False, strategy="backward"
    )
    first = own.unique([NODE, "begin"], keep="first", maintain_order=True).select(NODE, "cause", start="begin")
    return failures.join(first, on=[NODE, "start"], how="left").sort(NODE, "start")
