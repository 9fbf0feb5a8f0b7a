"""Collects how the fleet is doing now: the riskiest nodes with their reasons, and what the policy last decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE, TS
from data.time_grid import HOUR, in_hours
from features.compute import batch
from features.grid import locate, to_datetime
from features.population.at_risk import assess
from models.evaluation.evaluate import MODEL
from pipelines.report.values.attributions import NO_ATTRIBUTION, attribute
from serving.explanation.reason import SEPARATOR, from_json
from serving.policy.values import Support, Verdict
from serving.scoring.likely_cause import UNKNOWN, LikelyCause

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime, timedelta

    from data.view import View
    from models.backtest.replay import Replay

MOST_SHOWN: Final = 15

DecisionRow = tuple[str, float | None, str]  # node, probability, limit and reason


@dataclass(frozen=True, slots=True)
class RiskyNode:
    """A node's newest probability, and what it is based on."""

    node: str
    probability: float
    reasons: tuple[str, ...]
    support: str
    data_age_hours: float | None
    cause: str  # the likely one, or why it is unknown


@dataclass(frozen=True, slots=True)
class LastDecisions:
    """The last decisions: the drains, what a limit held back, and how many nodes were left alone."""

    as_of: datetime
    drains: tuple[DecisionRow, ...]
    held_back: tuple[DecisionRow, ...]
    left: int


@dataclass(frozen=True, slots=True)
class CurrentScores:
    """The newest forecast for every node."""

    as_of: datetime
    horizon: timedelta
    model: str
    is_published: bool  # or else the last forecast of the replay
    nodes: int
    unknown: int
    riskiest: tuple[RiskyNode, ...]
    decisions: LastDecisions | None = None


def published_scores(scores: pl.DataFrame, decisions: pl.DataFrame, horizon: timedelta) -> CurrentScores | None:
    """Return the published scores for the nearest horizon and the last decisions; None if nothing is published."""
    as_of = scores[TS].max()
    if as_of is None:
        return None
    horizons_hours = scores["horizon_hours"].unique().sort()
    hours = min(horizons_hours, key=lambda hours: abs(hours - in_hours(horizon)))
    at_horizon = scores.filter(pl.col("horizon_hours") == hours)
    ranked = at_horizon.drop_nulls("probability").sort("probability", NODE, descending=[True, False])
    return CurrentScores(
        as_of,  # type: ignore[arg-type]  # the schema's type
        hours * HOUR,
        f"model {at_horizon['model_version'][0]}",
        is_published=True,
        nodes=ranked.height,
        unknown=at_horizon.height - ranked.height,
        riskiest=tuple(_risky_node(row) for row in ranked.head(MOST_SHOWN).iter_rows(named=True)),
        decisions=_last_decisions(decisions),
    )


def replayed_scores(
    replay: Replay, hindsight: View, horizon: timedelta, peers: Collection[str]
) -> CurrentScores | None:
    """Return the last forecast of a replay, for use where no scores are published; None if it made none."""
    if not len(replay.rows):
        return None
    time = replay.rows.ts.max()
    rows = np.flatnonzero(replay.rows.ts == time)
    probability = replay.probabilities[MODEL][rows, replay.setup.design.horizons.index(horizon)]
    riskiest = np.argsort(-probability, kind="stable")[:MOST_SHOWN]
    names = [replay.rows.names[replay.rows.node[rows[index]]] for index in riskiest]
    attributions = attribute(replay, hindsight, time, names, peers)
    causes = _likely_causes(replay, hindsight, time, names)
    support = Support.OK if replay.trained.is_supported else Support.LOW
    return CurrentScores(
        to_datetime(time),
        horizon,
        "the replay's model",
        is_published=False,
        nodes=len(rows),
        unknown=int(replay.risk.unknown[:, replay.risk.cutoffs == time].sum()),
        riskiest=tuple(
            RiskyNode(
                name,
                float(probability[index]),
                attributions.get(name, NO_ATTRIBUTION).reasons,
                support,
                None,
                causes.get(name, UNKNOWN),
            )
            for name, index in zip(names, riskiest, strict=True)
        ),
    )


def _risky_node(row: dict[str, object]) -> RiskyNode:
    reasons, age, probability = row["reasons"], row["data_age_hours"], row["probability"]
    return RiskyNode(
        str(row[NODE]),
        probability if isinstance(probability, float) else np.nan,
        tuple(map(str, from_json(reasons if isinstance(reasons, str) else None))),
        str(row["support"]),
        age if isinstance(age, float) else None,
        str(LikelyCause.from_row(row)),
    )


def _last_decisions(decisions: pl.DataFrame) -> LastDecisions | None:
    as_of = decisions[TS].max()
    if as_of is None:
        return None
    last = decisions.filter(pl.col(TS) == as_of).sort("probability", NODE, descending=[True, False], nulls_last=True)
    drain, held_back, left = (last.filter(pl.col("action") == verdict) for verdict in Verdict)
    return LastDecisions(as_of, _decision_rows(drain), _decision_rows(held_back), left.height)  # type: ignore[arg-type]  # the schema's type


def _decision_rows(decisions: pl.DataFrame) -> tuple[DecisionRow, ...]:
    return tuple(
        (node, probability, SEPARATOR.join(filter(None, (limit, reason))))
        for node, probability, limit, reason in decisions.select(NODE, "probability", "limit", "reason").iter_rows()
    )


def _likely_causes(replay: Replay, hindsight: View, time: np.datetime64, names: list[str]) -> dict[str, str]:
    """Return the likely cause of each node's next failure, as the scorer would have given it then."""
    if replay.causes is None:
        return {}
    now, model = hindsight.narrow(to_datetime(time)), replay.causes.model
    risk = assess(now, np.array([time]), replay.setup.design.coverage)
    rows = risk.rows()
    rows = rows.take(np.isin(rows.node, locate(pl.Series(names, dtype=pl.String), rows.names)))
    features = batch.compute(replay.trained.training.catalogue, now, risk, rows)
    forecasts = model.forecasts(model.probabilities(now, rows, features))
    return {
        rows.names[node]: str(LikelyCause(forecast.cause, forecast.probability, forecast.why))
        for node, forecast in zip(rows.node, forecasts, strict=True)
    }
