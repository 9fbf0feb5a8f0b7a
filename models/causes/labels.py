"""Which failures have a meaningful cause, and the few classes into which causes are sorted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.outages import merge_failures
from data.schema import NODE, EventKind

if TYPE_CHECKING:
    from features.grid import Index
    from models.setup import CauseCriteria

OTHER: Final = "other"  # the class of every cause that is too rare to have one of its own


@dataclass(frozen=True, slots=True)
class Causes:
    """The classes of causes, 'other' the last of them, and the words that mean that the cause is unknown."""

    names: tuple[str, ...]
    unknown: tuple[str, ...]

    @classmethod
    def of(cls, events: pl.DataFrame, criteria: CauseCriteria) -> Causes:
        """Assign a class to each cause that enough failures had."""
        counts = causes_of_failures(events, criteria.unknown)["cause"].drop_nulls().value_counts()
        common = counts.filter((pl.col("count") >= criteria.min_of_a_cause) & (pl.col("cause") != OTHER))
        return cls((*common["cause"].sort(), OTHER), criteria.unknown)

    def codes(self, causes: pl.Series) -> Index:
        """Return each cause's position in `names`: -1 for null, that of 'other' for a cause without a class."""
        positions = pl.DataFrame({"cause": self.names}).with_row_index("position")
        joined = causes.rename("cause").to_frame().join(positions, on="cause", how="left", maintain_order="left")
        other = len(self.names) - 1
        code = pl.when(pl.col("cause").is_null()).then(-1).otherwise(pl.col("position").fill_null(other))
        return joined.select(code.cast(pl.Int64)).to_series().to_numpy().astype(np.int64)


def known_causes(events: pl.DataFrame, unknown: tuple[str, ...]) -> pl.DataFrame:
    """Keep the failures whose cause is known, without white space around it."""
    cause = pl.col("cause").str.strip_chars()
    is_known = cause.is_not_null() & ~cause.str.to_lowercase().is_in(list(unknown))
    return events.filter((pl.col("kind") == EventKind.FAILURE) & is_known).with_columns(cause)


def causes_of_failures(events: pl.DataFrame, unknown: tuple[str, ...]) -> pl.DataFrame:
    """Return each failure once, repeats merged: node, start and cause, null where it is unknown.

    The cause is the first known one among the events of the failure; of two that began together the one that was
    recorded last, which corrects the other.
    """
    failures = merge_failures(events).select(NODE, "start").sort("start", NODE)
    explained = known_causes(events, unknown).sort("start", "recorded_at", "cause", descending=[False, True, False])
    begins = failures.with_columns(pl.col("start").alias("begin"))
    of_failures = explained.select(NODE, "start", "cause").join_asof(
        begins, on="start", by=NODE, check_sortedness=False, strategy="backward"
    )
    first = of_failures.unique([NODE, "begin"], keep="first", maintain_order=True).select(NODE, "cause", start="begin")
    return failures.join(first, on=[NODE, "start"], how="left").sort(NODE, "start")
