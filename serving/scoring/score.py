"""Scores every node of a fleet at one time, with what the score rests on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.errors import EmptyTableError
from data.schema import BUCKET_END, NODE, SCORE_SCHEMA, TS
from features.compute import batch, online
from features.events.base_rates import steady_rate
from features.grid import to_datetime
from features.population.at_risk import assess
from serving.explanation.explain import Rated, explain, longest
from serving.explanation.reason import to_json
from serving.explanation.recent_levels import TimeSlices
from serving.policy.values import Support
from serving.scoring.likely_cause import UNKNOWN
from serving.scoring.low_support import tell_newcomers
from serving.scoring.not_reporting import tell_silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from data.schema import Metric
    from data.view import View
    from features.feature import Catalogue
    from features.grid import Times
    from features.population.at_risk import AtRisk, Coverage
    from features.telemetry.sliding_windows import WindowCache
    from models.registry.bundle import Answer, Bundle

HOURS_A_DAY: Final = 24.0


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """How to score: by which model, on which features, at which time, and for which nodes."""

    bundle: Bundle
    version: str
    catalogue: Catalogue
    cutoffs: Times  # the last one is scored; the fleet's failure rate is told from all, as in training
    every_days: float
    coverage: Coverage | None
    metrics: tuple[Metric, ...]

    @property
    def is_sampled(self) -> bool:
        """Say whether telemetry comes on a schedule, so that its age means something."""
        return any(metric.sampling == "sampled" for metric in self.metrics)


def score(view: View, asked: ScoreRequest, shelf: WindowCache | None = None) -> pl.DataFrame:
    """Score every node that is present and not under repair at the last cutoff.

    With a shelf, windows go on from what lies on it, and leave on it what the next score needs.

    Returns:
        SCORE_SCHEMA, a row for each node and horizon, sorted by them. A node that is not reporting is
        'unknown' and has no probability.

    Raises:
        ModelMismatchError: if the model was built for another catalogue.
        EmptyTableError: if there is no node to score.
        FutureError: if the last cutoff lies after the view.
    """
    asked.bundle.require(asked.catalogue.names)
    now = view.narrow(to_datetime(asked.cutoffs[-1]))
    risk = assess(now, asked.cutoffs[-1:], asked.coverage)
    at_risk, causes = _at_risk(now, asked, risk, shelf)
    table = pl.concat([at_risk, _silent(now, asked, risk)])
    if table.is_empty():
        raise _nothing(now, risk)
    return (
        table.join(_data_ages(now, asked), on=NODE, how="left")
        .join(causes, on=NODE, how="left")
        .with_columns(pl.col("cause").fill_null(UNKNOWN), cause_note=pl.coalesce("cause_note", _unseen()))
        .with_columns(pl.lit(now.at).cast(SCORE_SCHEMA[TS]).alias(TS), model_version=pl.lit(asked.version))
        .select(*SCORE_SCHEMA)
        .sort(NODE, "horizon_hours")
    )


def _at_risk(
    now: View, asked: ScoreRequest, risk: AtRisk, shelf: WindowCache | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Score the nodes at risk by the model, with each one's likely cause; what it can't tell is unknown."""
    rows = risk.rows()
    if not len(rows):
        return _table(asked, [], np.empty((0, len(asked.bundle.manifest.horizons_days))), [], []), _causes([], [])
    features = (
        batch.compute(asked.catalogue, now, risk, rows)
        if shelf is None
        else online.compute(asked.catalogue, now, risk, rows, shelf)
    )
    past = assess(now, asked.cutoffs, asked.coverage)
    rate = np.full(len(rows), steady_rate(now, past, asked.every_days)[-1])
    chance = asked.bundle.probabilities(features, rate)
    rated = Rated(asked.catalogue, rows, features, asked.bundle.contributions(features), chance[:, -1])
    manifest = asked.bundle.manifest
    doubts = tell_newcomers(now, rated, datetime.fromisoformat(manifest.trained_until))
    reasons = zip(doubts, explain(now, rated, asked.metrics), strict=True)
    nodes = [rows.names[at] for at in rows.node]
    table = _table(
        asked,
        nodes,
        chance,
        [Support.LOW if doubt else manifest.support for doubt in doubts],
        [to_json([*doubt, *why]) for doubt, why in reasons],
    )
    return table, _causes(nodes, asked.bundle.likely_causes(now, rows, features))


def _causes(nodes: Sequence[str], likely: Sequence[Answer]) -> pl.DataFrame:
    """Lay the nodes' likely causes out as columns of scores."""
    return pl.DataFrame(
        {
            NODE: nodes,
            "cause": [one.cause for one in likely],
            "cause_probability": [one.probability for one in likely],
            "cause_note": [one.why or None for one in likely],
        },
        schema={name: SCORE_SCHEMA[name] for name in (NODE, "cause", "cause_probability", "cause_note")},
    )


def _unseen() -> pl.Expr:
    """Say of nodes without a cause, which were not at risk, why they have none."""
    return pl.when(pl.col("cause").is_null()).then(pl.lit("it is not reporting"))


def _silent(now: View, asked: ScoreRequest, risk: AtRisk) -> pl.DataFrame:
    """List the nodes that are up as far as anyone knows, but not reporting."""
    nodes = np.flatnonzero(risk.unknown[:, 0])
    nothing = np.full((len(nodes), len(asked.bundle.manifest.horizons_days)), np.nan)
    if not len(nodes) or asked.coverage is None:
        return _table(asked, [], nothing[:0], [], [])
    why = tell_silent(now, risk.names, nodes, asked.coverage, TimeSlices.of(now, longest(asked.catalogue, now.width)))
    unknown = [Support.UNKNOWN] * len(nodes)
    return _table(asked, [risk.names[at] for at in nodes], nothing, unknown, [to_json([one]) for one in why])


def _table(
    asked: ScoreRequest,
    nodes: Sequence[str],
    probabilities: NDArray[np.float64],
    supports: Sequence[str],
    reasons: Sequence[str],
) -> pl.DataFrame:
    """Lay probabilities (nodes x horizons) out as rows; those that are NaN become null and 'unknown'."""
    hours = pl.Series([days * HOURS_A_DAY for days in asked.bundle.manifest.horizons_days], dtype=pl.Float64)
    told = {
        NODE: pl.Series(nodes, dtype=pl.String),
        "support": pl.Series(supports, dtype=pl.String),
        "reasons": pl.Series(reasons, dtype=pl.String),
        "horizon_hours": pl.Series([hours] * len(nodes), dtype=pl.List(pl.Float64)),
    }
    table = pl.DataFrame(told).explode("horizon_hours")
    chance = pl.Series("probability", probabilities.ravel(), dtype=pl.Float64).fill_nan(None)
    support = pl.when(pl.col("probability").is_null()).then(pl.lit(Support.UNKNOWN))
    return table.with_columns(chance).with_columns(support.otherwise("support").alias("support"))


def _data_ages(now: View, asked: ScoreRequest) -> pl.DataFrame:
    """Give the hours since each node's newest telemetry, or since it came if it never sent any.

    None where telemetry tells only of changes, since silence then means nothing.
    """
    if not asked.is_sampled:
        return pl.DataFrame(schema={NODE: pl.String, "data_age_hours": pl.Float64})
    newest = now.buckets([]).group_by(NODE).agg(pl.col(BUCKET_END).max())
    seen = now.nodes().select(NODE, "observed_from").join(newest, on=NODE, how="left")
    age = (pl.lit(now.at) - pl.coalesce(BUCKET_END, "observed_from")).dt.total_microseconds() / 3.6e9
    return seen.select(NODE, age.alias("data_age_hours"))


def _nothing(now: View, risk: AtRisk) -> EmptyTableError:
    where, present = f"the fleet at {now.at:%Y-%m-%d %H:%M} UTC", np.count_nonzero(risk.present)
    if not present:
        return EmptyTableError(where, "holds no node", fix="ingest an inventory whose nodes are observed at that time")
    why = f"holds no node to score: all {present} that are present are down or under repair"
    return EmptyTableError(where, why, fix="score again when one is up")
