"""Turns LANL's record of node failures (LA-UR-05-7318, one CSV file) into events and an inventory.

A failure is a row; its node is the system's number and the node's number from zero. Times were typed in by operators
on local clocks, without a zone: they are taken as UTC. A system is observed from the day of its first record to that
of its last, with each of its nodes, those that never fail too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import ColumnError, EmptyTableError
from data.readers import csv_blocks
from data.schema import NODE, UTC, EventKind

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM: Final = "System"
SIZE: Final = "nodes"
NUMBER: Final = "nodenumz"
STARTED: Final = "Prob Started"
FIXED: Final = "Prob Fixed"
CAUSES: Final = ("Facilities", "Hardware", "Human Error", "Network", "Undetermined", "Software")
COLUMNS: Final = (SYSTEM, SIZE, NUMBER, STARTED, FIXED, *CAUSES)
LONG_YEAR: Final = r"/\d{4} "
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Conversion:
    """Events and nodes, and how many rows could not be read."""

    events: pl.DataFrame
    nodes: pl.DataFrame
    unreadable: int


def convert(path: Path) -> Conversion:
    """Read LANL's file.

    Raises:
        SourceFileError: if it is no readable CSV file.
        ColumnError: if a column is missing.
        EmptyTableError: if no row can be read.
    """
    sheet = csv_blocks.sheet(path)
    own = _columns(path, csv_blocks.header(sheet))
    blocks = list(csv_blocks.blocks(sheet, list(own.values())))
    every = pl.concat(
        [pl.DataFrame(schema=dict.fromkeys(own.values(), pl.String())), *(b.rows for b in blocks)], how="diagonal"
    )
    rows = every.select(_read(own)).with_columns(start=_time(STARTED), end=_time(FIXED))
    sound = rows.drop_nulls([SYSTEM, NUMBER, "start"])
    if sound.is_empty():
        raise EmptyTableError(path, "holds no row with a system, a node and the time that the problem started")
    return Conversion(_events(sound), _nodes(sound), every.height - sound.height + sum(len(b.misfits) for b in blocks))


def _columns(path: Path, found: tuple[str, ...]) -> dict[str, str]:
    """Find each column by how its name begins: some carry the format of their times."""
    own = {name: next((column for column in found if column.strip() == name), None) for name in COLUMNS}
    own |= {
        name: next((column for column in found if column.strip().startswith(name)), None) for name in (STARTED, FIXED)
    }
    if missing := [name for name, column in own.items() if column is None]:
        raise ColumnError(
            f"{path}: no column {', '.join(missing)}; it has {', '.join(found)}",
            fix="give LANL's file (LA-UR-05-7318) as it was published, with its header",
        )
    return {name: column for name, column in own.items() if column is not None}


def _read(own: dict[str, str]) -> list[pl.Expr]:
    texts = {name: pl.col(column).str.strip_chars() for name, column in own.items()}
    numbers = (SYSTEM, SIZE, NUMBER)
    return [
        (text.cast(pl.Int64, strict=False) if name in numbers else text).alias(name) for name, text in texts.items()
    ]


def _time(name: str) -> pl.Expr:
    """Read a time with a year of four digits or of two."""
    long = pl.col(name).str.to_datetime("%m/%d/%Y %H:%M", time_unit="us", strict=False)
    short = pl.col(name).str.to_datetime("%m/%d/%y %H:%M", time_unit="us", strict=False)
    return pl.when(pl.col(name).str.contains(LONG_YEAR)).then(long).otherwise(short).dt.replace_time_zone("UTC")


def _node(number: str) -> pl.Expr:
    system, node = (pl.col(name).cast(pl.String).str.zfill(width) for name, width in ((SYSTEM, 2), (number, 4)))
    return pl.format("s{}-n{}", system, node).alias(NODE)


def _events(rows: pl.DataFrame) -> pl.DataFrame:
    """Take the column that holds a root cause as the cause, and what it holds as the detail."""
    filled = [pl.when(pl.col(name) != "").then(pl.lit(name.lower().replace(" ", "_"))) for name in CAUSES]
    details = [pl.when(pl.col(name) != "").then(name) for name in CAUSES]
    end = pl.when(pl.col("end") >= pl.col("start")).then("end").otherwise("start")
    found = rows.select(
        _node(NUMBER),
        "start",
        end.alias("end"),
        pl.lit(str(EventKind.FAILURE)).alias("kind"),
        pl.coalesce(*filled, pl.lit("undetermined")).alias("cause"),
        pl.coalesce(*details, pl.lit("")).alias("detail"),
    )
    return found.with_columns(recorded_at="start", end_recorded_at="end").unique().sort(NODE, "start", "end", "cause")


def _nodes(rows: pl.DataFrame) -> pl.DataFrame:
    """List each node that a system has by its size, and each beyond it that fails."""
    systems = rows.group_by(SYSTEM).agg(
        pl.col(SIZE).max().fill_null(0).alias("system_nodes"),
        pl.col("start").min().dt.truncate("1d").alias("observed_from"),
        (pl.col("start").max().dt.truncate("1d") + DAY).cast(UTC).alias("observed_until"),
        pl.col(NUMBER).unique().alias("failing"),
    )
    numbers = pl.concat_list(pl.int_ranges(pl.col("system_nodes")), "failing").list.unique().alias("number")
    name = pl.format("s{}", pl.col(SYSTEM).cast(pl.String).str.zfill(2))
    listed = systems.with_columns(numbers).explode("number")
    return listed.select(
        _node("number"), name.alias("system"), "system_nodes", "observed_from", "observed_until", name.alias("hardware")
    ).sort(NODE)
