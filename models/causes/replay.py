"""The causes that a replay foretold for the failures that came, beside what anybody could have said without a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.events.history import FLEET
from features.grid import to_datetime
from features.population.event_arrays import KnownEvents, UnitCutoffs
from models.causes.counts import CountLevel, facts_of, tally
from models.causes.failure_rows import FailureRows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Index
    from features.population.at_risk import Rows
    from models.causes.counts import Floats
    from models.causes.model import CauseModel

FLEET_EVER = CountLevel(FLEET, None)


@dataclass(frozen=True, slots=True)
class CauseReplay:
    """Rows that a failure followed, and what was said of its cause at each: rows x causes."""

    model: CauseModel
    rows: Rows  # those of `ahead`
    ahead: FailureRows
    probabilities: Floats
    frequencies: Floats  # of the fleet's causes, as they were known then
    last: Index  # the cause of the node's last failure with one, or the fleet's commonest

    def take(self, chosen: NDArray[np.bool_]) -> CauseReplay:
        """Keep some rows."""
        rows, ahead = self.rows.take(chosen), self.ahead.take(chosen)
        told, usual = self.probabilities[chosen], self.frequencies[chosen]
        return CauseReplay(self.model, rows, ahead, told, usual, self.last[chosen])


def replay_causes(
    model: CauseModel, hindsight: View, rows: Rows, features: NDArray[np.float32], horizon: np.timedelta64
) -> CauseReplay:
    """Say at every row that a failure follows within the horizon which cause it would likely have.

    Hindsight tells which rows these are and what caused their failures; what is said comes from the view at each.
    """
    view = hindsight.narrow(to_datetime(rows.cutoffs[-1])) if len(rows) else hindsight
    ahead = FailureRows.of(hindsight, rows, horizon, model.causes)
    own = rows.take(ahead.row)
    seen = tally(view, own, model.causes)[FLEET_EVER] + 1.0  # Laplace's rule of succession
    usual = seen / seen.sum(axis=1, keepdims=True)
    told = model.probabilities(view, own, features[ahead.row])
    return CauseReplay(model, own, ahead, told, usual, _last(view, own, model, usual.argmax(axis=1)))


def _last(view: View, rows: Rows, model: CauseModel, otherwise: Index) -> Index:
    """Give the cause of each row's last failure that has one."""
    places = UnitCutoffs.of_rows(rows)
    starts = np.column_stack([KnownEvents.of(one, places).latest_start() for one in facts_of(view, rows, model.causes)])
    newest = np.where(np.isnat(starts), np.datetime64(0, "us"), starts)
    return np.where(np.isnat(starts).all(axis=1), otherwise, newest.argmax(axis=1))
