"""Calls the protocol's reference implementation for rows at risk and labels, in the types of this project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from features.grid import to_numpy
from tests.models.reference import judge, labelled, moments, outages

if TYPE_CHECKING:
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
    """Return the reference's rows, sorted by node and ts."""
    return labelled(folder, cutoffs.astype(np.int64), judge.DAY, coverage).drop(columns="y")


def labels_of(folder: Path, rows: pd.DataFrame, horizon_days: int) -> NDArray[np.float64]:
    """Return the reference's labels, in the order of rows that are sorted by node and ts."""
    times = np.unique(moments(rows.ts)).astype(np.int64)
    labels = labelled(folder, times, horizon_days * judge.DAY, None)
    labelled_rows: pd.DataFrame = rows.merge(labels, on=["node", "ts"], validate="one_to_one")
    return np.asarray(labelled_rows.y.to_numpy(dtype=np.float64))


def failures_of(folder: Path) -> list[tuple[str, np.datetime64]]:
    """Return the reference's merged failures."""
    table = outages(folder)
    return sorted(zip(table.node, moments(table.start), strict=True))


def pairs(rows: Rows) -> tuple[list[str], Times]:
    """Return rows as node names and times."""
    return [rows.names[position] for position in rows.node], rows.ts
