"""Builds what the policy decides on from the settings, the records and the published scores."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.durations import format_duration
from data.errors import EmptyTableError, SettingsError
from data.schema import NODE
from data.time_grid import HOUR, in_hours
from features.grid import to_numpy
from features.population.at_risk import assess
from pipelines.settings.translation import into
from serving.explanation.reason import from_json, reasons_text
from serving.policy.costs import Costs
from serving.policy.limits import FleetState, Limits
from serving.policy.values import NodeScore, Policy, Support
from serving.scoring.likely_cause import LikelyCause, with_likely_cause

if TYPE_CHECKING:
    from data.view import View
    from pipelines.settings.schema import PolicySettings


def policy_of(settings: PolicySettings) -> Policy:
    """Return the policy that the settings describe."""
    return into(Policy, settings, costs=into(Costs, settings), limits=into(Limits, settings.limits))


def scores_at_horizon(scores: pl.DataFrame, horizon: timedelta) -> pl.DataFrame:
    """Return the published scores for one horizon.

    Raises:
        EmptyTableError: if no scores are published.
        SettingsError: if none of them are for this horizon.
    """
    if scores.is_empty():
        raise EmptyTableError("the published scores", "hold no row", fix="run `nodeward score` first")
    at_horizon = scores.filter(pl.col("horizon_hours") == in_hours(horizon))
    if at_horizon.is_empty():
        published = ", ".join(format_duration(hours * HOUR) for hours in sorted(scores["horizon_hours"].unique()))
        raise SettingsError(
            f"policy.horizon = {format_duration(horizon)}: the published scores are for {published}",
            fix="choose one of these, or add it to forecast.horizons and train again",
        )
    return at_horizon


def fleet_state(view: View) -> FleetState:
    """Return the nodes that are present at the view's time with their racks, and which are down or under repair."""
    risk = assess(view, np.array([to_numpy(view.at)]), None)
    racks = dict(view.nodes().select(NODE, "rack").iter_rows())
    present = {name: racks[name] for name in np.array(risk.names)[risk.present[:, 0]].tolist()}
    out = np.array(risk.names)[risk.present[:, 0] & risk.down[:, 0]].tolist()
    return FleetState(present, frozenset(out))


def node_score(row: dict[str, object]) -> NodeScore:
    """Return one row of the published scores as the policy reads it."""
    age, scored_at, probability = row["data_age_hours"], row["ts"], row["probability"]
    assert isinstance(scored_at, datetime), "the table's schema"
    return NodeScore(
        node=str(row[NODE]),
        probability=probability if isinstance(probability, float) else None,
        scored_at=scored_at,
        data_age=timedelta(hours=age) if isinstance(age, float) else None,
        support=Support(str(row["support"])),
        reasons=with_likely_cause(LikelyCause.from_row(row), reasons_text(from_json(str(row["reasons"] or "")))),
    )
