"""The protocol's reference implementation, asked for rows at risk and labels in this project's own terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.grid import to_numpy
from tests.models.reference import judge, labelled, moments, outages

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from features.grid import Times
    from features.population.at_risk import Rows

DAY = np.timedelta64(86_400_000_000, "us")


def daily(start: datetime, count: int) -> Times:
    return np.asarray(to_numpy(start) + DAY * np.arange(count))


def rows_at_risk(folder: Path, cutoffs: Times, coverage: str | None) -> pd.DataFrame:
    """Give the reference's rows, sorted by node and ts."""
    return labelled(folder, cutoffs.astype(np.int64), judge.DAY, coverage).drop(columns="y")


def labels_of(folder: Path, rows: pd.DataFrame, horizon_days: int) -> NDArray[np.float64]:
    """Give the reference's labels, in the order of rows that are sorted by node and ts."""
    times = np.unique(moments(rows.ts)).astype(np.int64)
    labels = labelled(folder, times, horizon_days * judge.DAY, None)
    own: pd.DataFrame = rows.merge(labels, on=["node", "ts"], validate="one_to_one")
    return np.asarray(own.y.to_numpy(dtype=np.float64))


def failures_of(folder: Path) -> list[tuple[str, np.datetime64]]:
    """Give the reference's merged failures."""
    table = outages(folder)
    return sorted(zip(table.node, moments(table.start), strict=True))


def pairs(rows: Rows) -> tuple[list[str], Times]:
    """Give rows as node names and times."""
    return named(rows.names, rows.node), rows.ts


def named(names: tuple[str, ...], node: Iterable[int]) -> list[str]:
    return [names[position] for position in node]
