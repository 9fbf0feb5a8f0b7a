"""How the fleet stands now: the riskiest nodes with their reasons, and what the policy would do about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE, TS
from features.compute import batch
from features.grid import locate, to_datetime
from features.population.at_risk import assess
from models.evaluation.evaluate import MODEL
from pipelines.report.values.attributions import NOTHING, Scope, why
from serving.explanation.reason import SEPARATOR, from_json
from serving.policy.values import Support, Verdict
from serving.scoring.likely_cause import UNKNOWN, LikelyCause

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from data.view import View
    from models.backtest.replay import Replay

RISKIEST: Final = 15
HOURS_A_DAY: Final = 24


@dataclass(frozen=True, slots=True)
class Risky:
    """A node's newest probability, and what it rests on."""

    node: str
    probability: float
    reasons: tuple[str, ...]
    support: str
    data_age_hours: float | None
    cause: str  # the likely one, or why nobody can tell


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What was decided last: drains, what was held back by which limit, and how many nodes were left alone."""

    as_of: datetime
    drains: tuple[tuple[str, float | None, str], ...]  # node, probability, reason
    held_back: tuple[tuple[str, float | None, str], ...]  # node, probability, limit and reason
    left: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The newest forecast of every node."""

    as_of: datetime
    horizon_days: float
    model: str
    is_published: bool  # or else the replay's last forecast
    nodes: int
    unknown: int
    riskiest: tuple[Risky, ...]
    verdicts: Verdicts | None = None


def published(scores: pl.DataFrame, decisions: pl.DataFrame, horizon_days: float) -> Standing | None:
    """Read the published scores nearest to a horizon and the last decisions; None if nothing was published."""
    as_of = scores[TS].max()
    if as_of is None:
        return None
    hours = min(scores["horizon_hours"].unique().sort(), key=lambda known: abs(known - HOURS_A_DAY * horizon_days))
    own = scores.filter(pl.col("horizon_hours") == hours)
    ranked = own.drop_nulls("probability").sort("probability", NODE, descending=[True, False])
    return Standing(
        as_of,  # type: ignore[arg-type]  # the schema's type
        hours / HOURS_A_DAY,
        f"model {own['model_version'][0]}",
        is_published=True,
        nodes=ranked.height,
        unknown=own.height - ranked.height,
        riskiest=tuple(_risky(row) for row in ranked.head(RISKIEST).iter_rows(named=True)),
        verdicts=_verdicts(decisions),
    )


def _risky(row: dict[str, object]) -> Risky:
    reasons, age, chance = row["reasons"], row["data_age_hours"], row["probability"]
    return Risky(
        str(row[NODE]),
        chance if isinstance(chance, float) else np.nan,
        tuple(map(str, from_json(reasons if isinstance(reasons, str) else None))),
        str(row["support"]),
        age if isinstance(age, float) else None,
        str(LikelyCause.from_row(row)),
    )


def _verdicts(decisions: pl.DataFrame) -> Verdicts | None:
    as_of = decisions[TS].max()
    if as_of is None:
        return None
    last = decisions.filter(pl.col(TS) == as_of).sort("probability", NODE, descending=[True, False], nulls_last=True)
    drain, held_back, left = (last.filter(pl.col("action") == verdict) for verdict in Verdict)
    return Verdicts(as_of, _told(drain), _told(held_back), left.height)  # type: ignore[arg-type]  # the schema's type


def _told(decisions: pl.DataFrame) -> tuple[tuple[str, float | None, str], ...]:
    return tuple(
        (node, chance, SEPARATOR.join(part for part in (limit, reason) if part))
        for node, chance, limit, reason in decisions.select(NODE, "probability", "limit", "reason").iter_rows()
    )


def forecast(replay: Replay, hindsight: View, horizon_days: float, peers: Collection[str]) -> Standing | None:
    """Take the replay's last forecast where no scores were published; None if it made none."""
    if not len(replay.rows):
        return None
    last = replay.rows.ts.max()
    own = np.flatnonzero(replay.rows.ts == last)
    chance = replay.probabilities[MODEL][own, replay.setup.design.horizons_days.index(horizon_days)]
    order = np.argsort(-chance, kind="stable")[:RISKIEST]
    names = [replay.rows.names[replay.rows.node[own[at]]] for at in order]
    told, causes = why(replay, hindsight, last, Scope(names, peers)), _causes(replay, hindsight, last, names)
    support = Support.OK if replay.trained.is_supported else Support.LOW
    return Standing(
        to_datetime(last),
        horizon_days,
        "the replay's model",
        is_published=False,
        nodes=len(own),
        unknown=int(replay.risk.unknown[:, replay.risk.cutoffs == last].sum()),
        riskiest=tuple(
            Risky(name, float(chance[at]), told.get(name, NOTHING).reasons, support, None, causes.get(name, UNKNOWN))
            for name, at in zip(names, order, strict=True)
        ),
    )


def _causes(replay: Replay, hindsight: View, moment: np.datetime64, names: list[str]) -> dict[str, str]:
    """Say which cause the next failure of some nodes would likely have, as the scorer would have then."""
    if replay.causes is None:
        return {}
    now, model = hindsight.narrow(to_datetime(moment)), replay.causes.model
    risk = assess(now, np.array([moment]), replay.setup.design.coverage)
    rows = risk.rows()
    rows = rows.take(np.isin(rows.node, locate(pl.Series(names, dtype=pl.String), rows.names)))
    features = batch.compute(replay.trained.training.catalogue, now, risk, rows)
    answers = model.forecasts(model.probabilities(now, rows, features))
    return {
        rows.names[node]: str(LikelyCause(one.cause, one.probability, one.why))
        for node, one in zip(rows.node, answers, strict=True)
    }
