"""Converts LANL's record of node failures (LA-UR-05-7318, one CSV file) to events and an inventory.

A row is a failure; its node is the number of the system and the number of the node from zero. Operators entered the
times by local clocks without a zone; they are read as UTC. A system is observed from the day of its first record to
that of its last, with all its nodes, including those that never fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import ColumnError, EmptyTableError
from data.readers import csv_blocks
from data.schema import NODE, UTC, EventKind
from data.time_grid import DAY

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


@dataclass(frozen=True, slots=True)
class LanlRecords:
    """Events and nodes, and the number of rows that could not be read."""

    events: pl.DataFrame
    nodes: pl.DataFrame
    unreadable: int


def convert(path: Path) -> LanlRecords:
    """Convert LANL's file.

    Raises:
        SourceFileError: if it is no readable CSV file.
        ColumnError: if a column is missing.
        EmptyTableError: if no row can be read.
    """
    file = csv_blocks.csv_file(path)
    columns = _columns(path, csv_blocks.read_header(file))
    blocks = list(csv_blocks.read_blocks(file, list(columns.values())))
    empty = pl.DataFrame(schema=dict.fromkeys(columns.values(), pl.String()))
    text = pl.concat([empty, *(block.rows for block in blocks)], how="diagonal")
    rows = text.select(_parsed(columns)).with_columns(start=_time(STARTED), end=_time(FIXED))
    readable = rows.drop_nulls([SYSTEM, NUMBER, "start"])
    if readable.is_empty():
        raise EmptyTableError(path, "holds no row with a system, a node and the time that the problem started")
    malformed = sum(len(block.malformed) for block in blocks)
    return LanlRecords(_events(readable), _nodes(readable), text.height - readable.height + malformed)


def _columns(path: Path, header: tuple[str, ...]) -> dict[str, str]:
    """Return {name: column of the file}; the names of the two times may continue with the format of the times."""
    columns = {name: next((column for column in header if column.strip() == name), None) for name in COLUMNS}
    columns |= {
        name: next((column for column in header if column.strip().startswith(name)), None) for name in (STARTED, FIXED)
    }
    if missing := [name for name, column in columns.items() if column is None]:
        raise ColumnError(
            f"{path}: no column {', '.join(missing)}; it has {', '.join(header)}",
            fix="use LANL's file (LA-UR-05-7318) as it was published, with its header",
        )
    return {name: column for name, column in columns.items() if column is not None}


def _parsed(columns: dict[str, str]) -> list[pl.Expr]:
    texts = {name: pl.col(column).str.strip_chars() for name, column in columns.items()}
    numbers = (SYSTEM, SIZE, NUMBER)
    return [
        (text.cast(pl.Int64, strict=False) if name in numbers else text).alias(name) for name, text in texts.items()
    ]


def _time(name: str) -> pl.Expr:
    """Parse a time with a year of four or two digits."""
    long = pl.col(name).str.to_datetime("%m/%d/%Y %H:%M", time_unit="us", strict=False)
    short = pl.col(name).str.to_datetime("%m/%d/%y %H:%M", time_unit="us", strict=False)
    return pl.when(pl.col(name).str.contains(LONG_YEAR)).then(long).otherwise(short).dt.replace_time_zone("UTC")


def _node(number: str) -> pl.Expr:
    system, node = (pl.col(name).cast(pl.String).str.zfill(width) for name, width in ((SYSTEM, 2), (number, 4)))
    return pl.format("s{}-n{}", system, node).alias(NODE)


def _events(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the events: the name of the filled cause column is the cause, and its content the detail."""
    filled = [pl.when(pl.col(name) != "").then(pl.lit(name.lower().replace(" ", "_"))) for name in CAUSES]
    details = [pl.when(pl.col(name) != "").then(name) for name in CAUSES]
    end = pl.when(pl.col("end") >= pl.col("start")).then("end").otherwise("start")
    events = rows.select(
        _node(NUMBER),
        "start",
        end.alias("end"),
        pl.lit(str(EventKind.FAILURE)).alias("kind"),
        pl.coalesce(*filled, pl.lit("undetermined")).alias("cause"),
        pl.coalesce(*details, pl.lit("")).alias("detail"),
    )
    return events.with_columns(recorded_at="start", end_recorded_at="end").unique().sort(NODE, "start", "end", "cause")


def _nodes(rows: pl.DataFrame) -> pl.DataFrame:
    """Return each node within the size of its system, and each node beyond it that fails."""
    systems = rows.group_by(SYSTEM).agg(
        pl.col(SIZE).max().fill_null(0).alias("system_nodes"),
        pl.col("start").min().dt.truncate("1d").alias("observed_from"),
        (pl.col("start").max().dt.truncate("1d") + DAY).cast(UTC).alias("observed_until"),
        pl.col(NUMBER).unique().alias("failing"),
    )
    numbers = pl.concat_list(pl.int_ranges(pl.col("system_nodes")), "failing").list.unique().alias("number")
    name = pl.format("s{}", pl.col(SYSTEM).cast(pl.String).str.zfill(2))
    nodes = systems.with_columns(numbers).explode("number")
    return nodes.select(
        _node("number"), name.alias("system"), "system_nodes", "observed_from", "observed_until", name.alias("hardware")
    ).sort(NODE)
