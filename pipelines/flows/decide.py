"""The flow that decides what should be drained, and what a limit holds back. It touches no node."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from prefect import flow
from prefect.artifacts import create_markdown_artifact

from data.schema import DECISION_SCHEMA, NODE
from pipelines.flows.retries import step
from pipelines.flows.run_state import recorded
from pipelines.output.markdown import decide_markdown
from pipelines.output.reports import DecideReport
from pipelines.settings.load import load
from pipelines.wiring import wiring
from pipelines.wiring.as_of import as_of
from pipelines.wiring.policy_setup import fleet_state, node_score, policy_of, scores_at_horizon
from pipelines.wiring.training_setup import hindsight_view
from serving.actuators.base import carry_out
from serving.policy.decide import decide
from serving.policy.values import Decision, Support, Verdict

if TYPE_CHECKING:
    from pipelines.settings.schema import Settings
    from serving.policy.limits import FleetState


@flow(name="decide", flow_run_name="decide {config}", persist_result=False)
@recorded("decide")
def decide_drains(config: str, overrides: list[str], at: datetime | None = None) -> DecideReport:
    """Decide by the published scores what should be drained, and leave the list as an artifact."""
    report = weigh(load(Path(config), overrides), at)
    create_markdown_artifact(decide_markdown(report), key="decide", description="What should be drained: a dry run")
    return report


@step("decide")
def weigh(settings: Settings, at: datetime | None) -> DecideReport:
    """Weigh every node's published score by costs and limits, and record the decisions."""
    with wiring.records(settings) as records:
        now = as_of(settings, records, at)
        view = hindsight_view(wiring.store(settings), records).narrow(now)
        scores = scores_at_horizon(records.latest_scores(), settings.policy.horizon_days)
        fleet = fleet_state(view)
        told = decide([node_score(row) for row in scores.iter_rows(named=True)], fleet, policy_of(settings.policy), now)
        table = _table(told, scores, now, settings.policy.horizon_days)
        records.record_decisions(table)
    carry_out(told, now, wiring.actuator(settings))
    return _report(told, scores, fleet, settings, now)


def _table(told: tuple[Decision, ...], scores: pl.DataFrame, now: datetime, horizon_days: float) -> pl.DataFrame:
    """Lay the decisions out as DECISION_SCHEMA."""
    return (
        pl.DataFrame(
            {
                NODE: [one.node for one in told],
                "action": [one.verdict.value for one in told],
                "reason": [one.reason for one in told],
                "limit": [one.limit for one in told],
                "probability": [one.probability for one in told],
            },
            schema_overrides=DECISION_SCHEMA,
        )
        .with_columns(
            ts=pl.lit(now).cast(pl.Datetime("us", "UTC")),
            horizon_hours=pl.lit(horizon_days * 24.0),
            model_version=pl.lit(scores["model_version"][0]),
        )
        .select(*DECISION_SCHEMA)
    )


def _report(
    told: tuple[Decision, ...], scores: pl.DataFrame, fleet: FleetState, settings: Settings, now: datetime
) -> DecideReport:
    def of(verdict: Verdict) -> tuple[Decision, ...]:
        return tuple(one for one in told if one.verdict is verdict)

    return DecideReport(
        as_of=now,
        horizon_days=settings.policy.horizon_days,
        model_version=str(scores["model_version"][0]),
        fleet=len(fleet.rack_by_node),
        out=len(fleet.out_of_service),
        threshold=policy_of(settings.policy).costs.threshold,
        drains=of(Verdict.DRAIN),
        held_back=of(Verdict.HOLD_BACK),
        left=len(of(Verdict.LEAVE)),
        unknown=scores.filter(pl.col("support") == Support.UNKNOWN)[NODE].n_unique(),
    )
