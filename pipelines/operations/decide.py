"""Decides what should be drained, and what a limit holds back; no node is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from data.schema import DECISION_SCHEMA, NODE
from data.time_grid import in_hours
from pipelines.output.reports import DecideReport
from pipelines.wiring import wiring
from pipelines.wiring.as_of import as_of
from pipelines.wiring.policy_setup import fleet_state, node_score, policy_of, scores_at_horizon
from pipelines.wiring.training_setup import hindsight_view
from serving.actuators.base import carry_out
from serving.policy.decide import decide as decide_drains
from serving.policy.values import Decision, Support, Verdict

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from pipelines.settings.schema import Settings


def decide(settings: Settings, at: datetime | None = None) -> DecideReport:
    """Decide from the published scores what should be drained, as of a time (default: now), and record the decisions.

    It is a dry run: no node is touched. Nodes that have left the fleet since they were scored are only counted.

    Raises:
        EmptyTableError: if no scores are published.
        SettingsError: if none of them is for the policy's horizon.
    """
    policy, horizon = policy_of(settings.policy), settings.policy.horizon
    with wiring.records(settings) as records:
        now = as_of(settings, records, at)
        view = hindsight_view(wiring.store(settings), records).narrow(now)
        scores = scores_at_horizon(records.latest_scores(), horizon)
        fleet = fleet_state(view)
        present = scores.filter(pl.col(NODE).is_in(list(fleet.rack_by_node)))
        decisions = decide_drains([node_score(row) for row in present.iter_rows(named=True)], fleet, policy, now)
        records.record_decisions(_decision_table(decisions, scores, now, horizon))
    carry_out(decisions, now, wiring.actuator(settings))
    return DecideReport(
        as_of=now,
        horizon=horizon,
        model_version=str(scores["model_version"][0]),
        fleet=len(fleet.rack_by_node),
        out=len(fleet.out_of_service),
        threshold=policy.costs.threshold,
        drains=_with_verdict(decisions, Verdict.DRAIN),
        held_back=_with_verdict(decisions, Verdict.HOLD_BACK),
        left=len(_with_verdict(decisions, Verdict.LEAVE)),
        unknown=present.filter(pl.col("support") == Support.UNKNOWN)[NODE].n_unique(),
        departed=scores[NODE].n_unique() - present[NODE].n_unique(),
        unscored=len(set(fleet.rack_by_node) - fleet.out_of_service - set(present[NODE])),
    )


def _with_verdict(decisions: tuple[Decision, ...], verdict: Verdict) -> tuple[Decision, ...]:
    return tuple(decision for decision in decisions if decision.verdict is verdict)


def _decision_table(
    decisions: tuple[Decision, ...], scores: pl.DataFrame, now: datetime, horizon: timedelta
) -> pl.DataFrame:
    """Return the decisions as a table of DECISION_SCHEMA."""
    return (
        pl.DataFrame(
            {
                NODE: [decision.node for decision in decisions],
                "action": [decision.verdict.value for decision in decisions],
                "reason": [decision.reason for decision in decisions],
                "limit": [decision.limit for decision in decisions],
                "probability": [decision.probability for decision in decisions],
            },
            schema_overrides=DECISION_SCHEMA,
        )
        .with_columns(
            ts=pl.lit(now).cast(pl.Datetime("us", "UTC")),
            horizon_hours=pl.lit(in_hours(horizon)),
            model_version=pl.lit(scores["model_version"][0]),
        )
        .select(*DECISION_SCHEMA)
    )
