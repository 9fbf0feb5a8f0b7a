"""The features that the event history tells, by metric and statistic."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from data.errors import ModelMismatchError
from features.events import age_rates
from features.events.history import Floats, History
from features.feature import FAILURES_OF

if TYPE_CHECKING:
    from datetime import timedelta

    from features.feature import Feature
    from features.grid import Index

Teller = Callable[[History, "timedelta | None"], Floats]

_TELLERS: dict[tuple[str, str], Teller] = {
    ("failures", "count"): lambda history, window: _whole(history.failures.count(window)),
    ("failures", "relative_rate"): lambda history, window: history.relative_rate(window),
    ("failures", "days_since_start"): lambda history, _: history.days_since(history.failures.latest_start()),
    ("failures", "days_since_end"): lambda history, _: history.days_since(history.repaired.latest_end()),
    ("failures", "mean_repair_hours"): lambda history, _: history.mean_repair_hours(),
    ("maintenance", "count"): lambda history, window: _whole(history.maintenance.count(window)),
    ("maintenance", "days_since_start"): lambda history, _: history.days_since(history.maintenance.latest_start()),
    ("node", "days_up"): lambda history, _: history.days_up(),
    ("node", "days_observed"): lambda history, _: history.days_observed(),
    ("fleet", "failure_rate"): lambda history, window: history.fleet_rate(window),
    ("rack", "failures"): lambda history, window: history.failures_in_group("rack", window),
    ("rack", "relative_rate"): lambda history, window: history.relative_group_rate("rack", window),
    ("rack", "failures_of_others"): lambda history, window: history.failures_of_others("rack", window),
    ("neighbours", "failures"): lambda history, window: _whole(history.neighbours.count(window)),
    ("neighbours", "days_since_start"): lambda history, _: history.days_since(history.neighbours.latest_start()),
    ("node", "relative_rate_at_age"): lambda history, _: age_rates.relative_rate(history),
    ("hardware", "relative_rate_at_age"): lambda history, _: age_rates.relative_rate_of_hardware(history),
    ("hardware", "failures"): lambda history, window: history.failures_in_group("hardware", window),
    ("hardware", "relative_rate"): lambda history, window: history.relative_group_rate("hardware", window),
}


def value(history: History, feature: Feature) -> Floats:
    """Compute a history feature for every row.

    Raises:
        ModelMismatchError: if there is no such feature.
    """
    teller = _TELLERS.get((feature.metric, feature.stat))
    if teller is not None:
        return teller(history, feature.window)
    cause = feature.metric.removeprefix(FAILURES_OF)
    if cause == feature.metric or feature.stat != "count":
        raise ModelMismatchError(f"the event history can't tell {feature.name}", fix="train the model anew")
    return _whole(history.failures_of(cause).count(feature.window))


def _whole(count: Index) -> Floats:
    return count.astype(np.float64)
