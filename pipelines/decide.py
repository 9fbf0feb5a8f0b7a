"""The flow that decides what should be drained, and what a limit holds back. It touches no node."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from prefect import flow
from prefect.artifacts import create_markdown_artifact

from data.errors import EmptyTableError, SettingsError
from data.schema import DECISION_SCHEMA, NODE
from features.grid import to_numpy
from features.population.at_risk import assess
from pipelines import moments, wiring
from pipelines.artifacts import decide_markdown
from pipelines.results import DecideReport
from pipelines.runs import recorded
from pipelines.settings import load
from pipelines.setup import everything
from pipelines.steps import step
from serving.likely import LikelyCause, with_cause
from serving.limits import Fleet, Limits
from serving.orders import carry_out
from serving.policy import Costs, Decision, NodeScore, Policy, Support, Verdict, decide
from serving.reasons import from_json, in_words

if TYPE_CHECKING:
    from data.view import View
    from pipelines.settings_shape import Settings


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
        now = moments.as_of(settings, records, at)
        view = everything(wiring.store(settings), records).narrow(now)
        scores = _at_horizon(records.latest_scores(), settings.policy.horizon_days)
        fleet = _fleet(view)
        told = decide([_node_score(row) for row in scores.iter_rows(named=True)], fleet, policy(settings), now)
        table = _table(told, scores, now, settings.policy.horizon_days)
        records.record_decisions(table)
    carry_out(told, now, wiring.actuator(settings))
    return _report(told, scores, fleet, settings, now)


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
        raise EmptyTableError("the published scores", "hold no row", mend="run `nodeward score` first")
    found = scores.filter(pl.col("horizon_hours") == horizon_days * 24)
    if found.is_empty():
        days = ", ".join(f"{hours / 24:g}" for hours in sorted(scores["horizon_hours"].unique()))
        raise SettingsError(
            f"policy.horizon_days = {horizon_days:g}: the published scores are for {days} days",
            mend="choose one of these, or add it to forecast.horizons_days and train again",
        )
    return found


def _fleet(view: View) -> Fleet:
    """Find the nodes that are present now, their racks, and those of them that are down or under repair."""
    risk = assess(view, np.array([to_numpy(view.at)]), None)
    rack = dict(view.nodes().select(NODE, "rack").iter_rows())
    present = {name: rack[name] for name in np.array(risk.names)[risk.present[:, 0]].tolist()}
    out = np.array(risk.names)[risk.present[:, 0] & risk.down[:, 0]].tolist()
    return Fleet(present, frozenset(out))


def _node_score(row: dict[str, object]) -> NodeScore:
    age, at, chance = row["data_age_hours"], row["ts"], row["probability"]
    assert isinstance(at, datetime), "the table's schema"
    return NodeScore(
        node=str(row[NODE]),
        probability=chance if isinstance(chance, float) else None,
        scored_at=at,
        data_age=timedelta(hours=age) if isinstance(age, float) else None,
        support=Support(str(row["support"])),
        reasons=with_cause(LikelyCause.of_row(row), in_words(from_json(str(row["reasons"] or "")))),
    )


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
    told: tuple[Decision, ...], scores: pl.DataFrame, fleet: Fleet, settings: Settings, now: datetime
) -> DecideReport:
    def of(verdict: Verdict) -> tuple[Decision, ...]:
        return tuple(one for one in told if one.verdict is verdict)

    return DecideReport(
        as_of=now,
        horizon_days=settings.policy.horizon_days,
        model_version=str(scores["model_version"][0]),
        fleet=len(fleet.racks),
        out=len(fleet.out),
        threshold=policy(settings).costs.threshold,
        drains=of(Verdict.DRAIN),
        held_back=of(Verdict.HOLD_BACK),
        left=len(of(Verdict.LEAVE)),
        unknown=scores.filter(pl.col("support") == Support.UNKNOWN)[NODE].n_unique(),
    )
