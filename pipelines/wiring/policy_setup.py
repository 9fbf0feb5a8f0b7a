"""From settings and records to what the policy decides on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.errors import EmptyTableError, SettingsError
from data.schema import NODE
from features.grid import to_numpy
from features.population.at_risk import assess
from serving.explanation.reason import from_json, in_words
from serving.policy.costs import Costs
from serving.policy.limits import FleetState, Limits
from serving.policy.values import NodeScore, Policy, Support
from serving.scoring.likely_cause import LikelyCause, with_likely_cause

if TYPE_CHECKING:
    from data.view import View
    from pipelines.settings.schema import Settings


def policy(settings: Settings) -> Policy:
    """Read the policy from the settings."""
    wanted = settings.policy
    costs = Costs(
        wanted.failure_cost_node_hours, wanted.averted_share, wanted.drain_cost_node_hours, wanted.idle_cost_node_hours
    )
    limits = Limits(wanted.limits.fleet_share, wanted.limits.fleet_count, wanted.limits.per_rack)
    return Policy(costs, limits, wanted.stale_after)


def _at_horizon(scores: pl.DataFrame, horizon_days: float) -> pl.DataFrame:
    if scores.is_empty():
        raise EmptyTableError("the published scores", "hold no row", fix="run `nodeward score` first")
    found = scores.filter(pl.col("horizon_hours") == horizon_days * 24)
    if found.is_empty():
        days = ", ".join(f"{hours / 24:g}" for hours in sorted(scores["horizon_hours"].unique()))
        raise SettingsError(
            f"policy.horizon_days = {horizon_days:g}: the published scores are for {days} days",
            fix="choose one of these, or add it to forecast.horizons_days and train again",
        )
    return found


def _fleet(view: View) -> FleetState:
    """Find the nodes that are present now, their racks, and those of them that are down or under repair."""
    risk = assess(view, np.array([to_numpy(view.at)]), None)
    rack = dict(view.nodes().select(NODE, "rack").iter_rows())
    present = {name: rack[name] for name in np.array(risk.names)[risk.present[:, 0]].tolist()}
    out = np.array(risk.names)[risk.present[:, 0] & risk.down[:, 0]].tolist()
    return FleetState(present, frozenset(out))


def _node_score(row: dict[str, object]) -> NodeScore:
    age, at, chance = row["data_age_hours"], row["ts"], row["probability"]
    assert isinstance(at, datetime), "the table's schema"
    return NodeScore(
        node=str(row[NODE]),
        probability=chance if isinstance(chance, float) else None,
        scored_at=at,
        data_age=timedelta(hours=age) if isinstance(age, float) else None,
        support=Support(str(row["support"])),
        reasons=with_likely_cause(LikelyCause.from_row(row), in_words(from_json(str(row["reasons"] or "")))),
    )
