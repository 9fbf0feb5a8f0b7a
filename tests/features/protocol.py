"""Calls the protocol's reference implementation for rows at risk and labels, in the types of this project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data.time_grid import DAY
from features.grid import to_numpy, to_step
from tests.models.reference import ReferenceRows, rows_at

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from features.grid import Times
    from features.population.at_risk import Rows


def daily(start: datetime, count: int) -> Times:
    return stepwise(start, count, DAY)


def stepwise(start: datetime, count: int, every: timedelta) -> Times:
    """List so many times from a start on."""
    return np.asarray(to_numpy(start) + to_step(every) * np.arange(count))


def reference_at(
    folder: Path, cutoffs: Times, coverage: str | None, horizon: timedelta = DAY, repeat: timedelta = DAY
) -> ReferenceRows:
    """Return the reference's rows at some cutoffs."""
    return rows_at(folder, cutoffs.astype(np.int64), horizon, repeat, coverage)


def pairs(rows: Rows) -> tuple[list[str], Times]:
    """Return rows as node names and times."""
    return [rows.names[position] for position in rows.node], rows.ts
