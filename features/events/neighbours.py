"""Which nodes are next to each other: their names differ by one or two in the last number, in the same rack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from data.schema import NODE
from features.population.event_arrays import EventArrays

if TYPE_CHECKING:
    from collections.abc import Sequence

NUMBERED = r"^([^.]*?)(\d{1,9})([^.\d]*)(?:\..*)?$"  # the last number before the first dot
REACH = (-2, -1, 1, 2)


def adjacent_pairs(nodes: pl.DataFrame, reach: Sequence[int] = REACH) -> pl.DataFrame:
    """List the pairs (unit, neighbour) of an inventory, as positions in it.

    Whether two nodes are neighbours depends on the two alone, not on which other nodes there are.
    """
    name = pl.col(NODE)
    numbered = nodes.select(
        pl.int_range(pl.len()).alias("unit"),
        pl.col("rack").fill_null(""),
        before=name.str.extract(NUMBERED, 1),
        number=name.str.extract(NUMBERED, 2).cast(pl.Int64),
        after=name.str.extract(NUMBERED, 3),
    ).drop_nulls()
    steps = pl.DataFrame({"step": reach})
    candidates = numbered.join(steps, how="cross").with_columns(pl.col("number") + pl.col("step"))
    return candidates.join(numbered.rename({"unit": "neighbour"}), on=["rack", "before", "number", "after"]).select(
        "unit", "neighbour"
    )


def of_neighbours(events: EventArrays, pairs: pl.DataFrame) -> EventArrays:
    """Return each node's neighbours' events as its own."""
    table = pl.DataFrame({"neighbour": events.unit}).with_row_index("event")
    joined = table.join(pairs, on="neighbour", maintain_order="left")
    copies = events.take(joined["event"].to_numpy())
    return EventArrays(joined["unit"].to_numpy(), copies.start, copies.end, copies.known_at, copies.end_known_at)
