"""The causes that a replay forecast for the failures that came, and what two simple rules would have forecast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.feature import FLEET
from features.grid import to_datetime
from features.population.event_arrays import KnownEvents, UnitCutoffs
from models.causes.counts import CountLevel, cause_counts, events_by_cause

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Array, Index
    from features.population.at_risk import Rows
    from models.causes.failure_rows import FailureRows
    from models.causes.model import CauseModel

FLEET_EVER = CountLevel(FLEET, None)


@dataclass(frozen=True, slots=True)
class CauseReplay:
    """Rows that a failure follows, and what was forecast of its cause at each; probabilities are rows x causes."""

    model: CauseModel
    rows: Rows  # those of `failure_rows`
    failure_rows: FailureRows
    probabilities: Array
    frequencies: Array  # of the fleet's causes, as they were known then
    last: Index  # the cause of the node's last failure with a known one, or the fleet's commonest

    def take(self, is_kept: NDArray[np.bool_]) -> CauseReplay:
        """Keep some rows."""
        return CauseReplay(
            self.model,
            self.rows.take(is_kept),
            self.failure_rows.take(is_kept),
            self.probabilities[is_kept],
            self.frequencies[is_kept],
            self.last[is_kept],
        )


def replay_causes(
    model: CauseModel, hindsight: View, rows: Rows, failure_rows: FailureRows, features: NDArray[np.float32]
) -> CauseReplay:
    """Forecast the cause of the coming failure at every row that a failure follows; `features` are those of these rows.

    Hindsight found these rows and the causes of their failures; the forecasts use the view at each row only.
    """
    view = hindsight.narrow(to_datetime(rows.cutoffs[-1])) if len(rows) else hindsight
    followed = rows.take(failure_rows.row)
    counts = cause_counts(view, followed, model.causes)[FLEET_EVER] + 1.0  # Laplace's rule of succession
    frequencies = counts / counts.sum(axis=1, keepdims=True)
    probabilities = model.probabilities(view, followed, features)
    last = _last_causes(view, followed, model, frequencies.argmax(axis=1))
    return CauseReplay(model, followed, failure_rows, probabilities, frequencies, last)


def _last_causes(view: View, rows: Rows, model: CauseModel, default: Index) -> Index:
    """Return the cause of each row's last failure that has a known one."""
    cutoffs = UnitCutoffs.of_rows(rows)
    by_cause = events_by_cause(view, rows, model.causes)
    starts = np.column_stack([KnownEvents.of(events, cutoffs).latest_start() for events in by_cause])
    latest = np.where(np.isnat(starts), np.datetime64(0, "us"), starts)
    return np.where(np.isnat(starts).all(axis=1), default, latest.argmax(axis=1))
