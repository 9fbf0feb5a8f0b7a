"""Alarm episodes at a rate: each alarm is paid from a bank, holds for the horizon, and rests its node until then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from data.time_grid import in_days
from models.evaluation.alarms import ROUNDING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from features.grid import Array
    from models.evaluation.alarms import RowsByTime
    from models.evaluation.evaluation_set import EvaluationSet

LONG_AGO: Final = np.datetime64("0001-01-01", "us")


def episode_rows(
    cases: EvaluationSet, rows_by_time: RowsByTime, probability: Array, rates: Sequence[float]
) -> dict[float, NDArray[np.intp]]:
    """Return, for each rate (alarms per node and day), the rows that begin an alarm episode, in ascending order.

    A bank starts empty. At each scoring time what is left in it is cut to a day's alarms, at least one; then the rate
    times the nodes that can be alarmed times the step in days is added. While it holds an alarm, the riskiest of these
    nodes that is not under alarm gets one, until the horizon is over. Ties are broken as in `alarmed_rows`.
    """
    ordered, ends = probability[rows_by_time.rows], np.cumsum(rows_by_time.count).tolist()
    step_days = in_days(cases.every)
    begun: dict[float, NDArray[np.intp]] = {}
    for rate in rates:
        held_until, bank, chosen = np.full(len(cases.names), LONG_AGO), 0.0, []
        for time, end, count in zip(cases.times, ends, rows_by_time.count.tolist(), strict=True):
            bank = min(bank, max(1.0, rate * count)) + rate * count * step_days
            if bank < 1 - ROUNDING:
                continue
            rows = rows_by_time.rows[end - count : end]
            is_free = held_until[cases.node[rows]] <= time
            riskiest = _highest(rows_by_time, rows[is_free], ordered[end - count : end][is_free], int(bank + ROUNDING))
            held_until[cases.node[riskiest]] = time + cases.horizon_step
            bank -= len(riskiest)
            chosen.append(riskiest)
        begun[rate] = np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, dtype=np.intp)
    return begun


def _highest(rows_by_time: RowsByTime, rows: NDArray[np.intp], probability: Array, size: int) -> NDArray[np.intp]:
    """Return the rows of one time with the highest probabilities."""
    if size >= len(rows):
        return rows
    threshold = np.partition(probability, len(rows) - size)[len(rows) - size]
    above, tied = rows[probability > threshold], rows[probability == threshold]
    remaining = size - len(above)
    if remaining < len(tied):
        tied = tied[np.argsort(rows_by_time.ties.digests(tied), kind="stable")[:remaining]]
    return np.concatenate([above, tied])
