"""Scores every node of a fleet at one time, with the reasons and the likely cause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.errors import EmptyTableError
from data.schema import BUCKET_END, NODE, SCORE_SCHEMA, TS
from features.compute import batch, online
from features.events.base_rates import FleetRate
from features.grid import to_datetime
from features.population.at_risk import assess
from serving.explanation.explain import ScoredRows, explain, longest_window
from serving.explanation.reason import to_json
from serving.explanation.recent_levels import TimeSlices
from serving.policy.values import Support
from serving.scoring.likely_cause import UNKNOWN
from serving.scoring.low_support import low_support_reasons
from serving.scoring.not_reporting import not_reporting_reasons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from data.schema import Metric
    from data.view import View
    from features.feature import Catalogue
    from features.grid import Times
    from features.population.at_risk import AtRisk, Coverage
    from features.telemetry.sliding_windows import WindowCache
    from models.registry.bundle import Bundle, CauseForecast

HOURS_A_DAY: Final = 24.0
MICROSECONDS_AN_HOUR: Final = 3.6e9


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """How to score: by which model, on which features, at which time, and for which nodes."""

    bundle: Bundle
    model_version: str
    catalogue: Catalogue
    cutoffs: Times  # the last one is scored; all of them give the fleet's failure rate, as in training
    every: timedelta  # between the cutoffs
    repeat: timedelta  # how soon after another one's end a failure counts as part of it
    coverage: Coverage | None
    metrics: tuple[Metric, ...]

    @property
    def is_sampled(self) -> bool:
        """Return whether any telemetry comes on a schedule, so that its age has a meaning."""
        return any(metric.sampling == "sampled" for metric in self.metrics)


def score(view: View, request: ScoreRequest, window_cache: WindowCache | None = None) -> pl.DataFrame:
    """Score every node that is present and not under repair at the last cutoff.

    With a cache, windows continue from the state in it, and the state that the next score needs is left in it.

    Returns:
        SCORE_SCHEMA, a row for each node and horizon, sorted by them. A node that is not reporting is
        'unknown' and has no probability.

    Raises:
        ModelMismatchError: if the model was built for another catalogue.
        EmptyTableError: if there is no node to score.
        FutureError: if the last cutoff is later than the view.
    """
    request.bundle.require_features(request.catalogue.names)
    view = view.narrow(to_datetime(request.cutoffs[-1]))
    risk = assess(view, request.cutoffs[-1:], request.coverage)
    at_risk, causes = _score_at_risk(view, request, risk, window_cache)
    scores = pl.concat([at_risk, _not_reporting(view, request, risk)])
    if scores.is_empty():
        raise _nothing_to_score(view, risk)
    return (
        scores.join(_data_ages(view, request), on=NODE, how="left")
        .join(causes, on=NODE, how="left")
        .with_columns(pl.col("cause").fill_null(UNKNOWN), cause_note=pl.coalesce("cause_note", _no_cause_note()))
        .with_columns(pl.lit(view.at).cast(SCORE_SCHEMA[TS]).alias(TS), model_version=pl.lit(request.model_version))
        .select(*SCORE_SCHEMA)
        .sort(NODE, "horizon_hours")
    )


def _score_at_risk(
    view: View, request: ScoreRequest, risk: AtRisk, window_cache: WindowCache | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the scores of the nodes at risk, and their likely causes. A NaN of the model is 'unknown'."""
    rows = risk.rows()
    if not len(rows):
        no_probabilities = np.empty((0, len(request.bundle.manifest.horizons)))
        return _score_table(request, [], no_probabilities, [], []), _cause_columns([], [])
    features = (
        batch.compute(request.catalogue, view, risk, rows)
        if window_cache is None
        else online.compute(request.catalogue, view, risk, rows, window_cache)
    )
    past_risk = assess(view, request.cutoffs, request.coverage)
    rate = FleetRate.of(view, past_risk, request.every, request.repeat).take(np.full(len(rows), -1))
    probabilities = request.bundle.probabilities(features, rate)
    contributions = request.bundle.contributions(features)
    scored = ScoredRows(request.catalogue, rows, features, contributions, probabilities[:, -1])
    manifest = request.bundle.manifest
    doubts = low_support_reasons(view, scored, datetime.fromisoformat(manifest.trained_until))
    reasons = zip(doubts, explain(view, scored, request.metrics), strict=True)
    nodes = [rows.names[index] for index in rows.node]
    scores = _score_table(
        request,
        nodes,
        probabilities,
        [Support.LOW if doubt else manifest.support for doubt in doubts],
        [to_json([*doubt, *explanation]) for doubt, explanation in reasons],
    )
    return scores, _cause_columns(nodes, request.bundle.likely_causes(view, rows, features))


def _cause_columns(nodes: Sequence[str], likely_causes: Sequence[CauseForecast]) -> pl.DataFrame:
    """Return the nodes' likely causes as columns of SCORE_SCHEMA."""
    return pl.DataFrame(
        {
            NODE: nodes,
            "cause": [likely_cause.cause for likely_cause in likely_causes],
            "cause_probability": [likely_cause.probability for likely_cause in likely_causes],
            "cause_note": [likely_cause.why or None for likely_cause in likely_causes],
        },
        schema={name: SCORE_SCHEMA[name] for name in (NODE, "cause", "cause_probability", "cause_note")},
    )


def _no_cause_note() -> pl.Expr:
    """Return the note for nodes without a row of likely causes: they were not at risk."""
    return pl.when(pl.col("cause").is_null()).then(pl.lit("it is not reporting"))


def _not_reporting(view: View, request: ScoreRequest, risk: AtRisk) -> pl.DataFrame:
    """Return rows without a probability for the nodes that are up as far as is known, but not reporting."""
    nodes = np.flatnonzero(risk.unknown[:, 0])
    probabilities = np.full((len(nodes), len(request.bundle.manifest.horizons)), np.nan)
    if not len(nodes) or request.coverage is None:
        return _score_table(request, [], probabilities[:0], [], [])
    time_slices = TimeSlices.of(view, longest_window(request.catalogue, view.width))
    reasons = not_reporting_reasons(view, risk.names, nodes, request.coverage, time_slices)
    supports = [Support.UNKNOWN] * len(nodes)
    names = [risk.names[index] for index in nodes]
    return _score_table(request, names, probabilities, supports, [to_json([reason]) for reason in reasons])


def _score_table(
    request: ScoreRequest,
    nodes: Sequence[str],
    probabilities: NDArray[np.float64],
    supports: Sequence[str],
    reasons: Sequence[str],
) -> pl.DataFrame:
    """Return probabilities (nodes x horizons) as a row for each of them; a NaN becomes null and 'unknown'."""
    hours = pl.Series(request.bundle.manifest.horizons_hours, dtype=pl.Float64)
    columns = {
        NODE: pl.Series(nodes, dtype=pl.String),
        "support": pl.Series(supports, dtype=pl.String),
        "reasons": pl.Series(reasons, dtype=pl.String),
        "horizon_hours": pl.Series([hours] * len(nodes), dtype=pl.List(pl.Float64)),
    }
    rows = pl.DataFrame(columns).explode("horizon_hours")
    probability = pl.Series("probability", probabilities.ravel(), dtype=pl.Float64).fill_nan(None)
    support = pl.when(pl.col("probability").is_null()).then(pl.lit(Support.UNKNOWN)).otherwise("support")
    return rows.with_columns(probability).with_columns(support.alias("support"))


def _data_ages(view: View, request: ScoreRequest) -> pl.DataFrame:
    """Return the hours since each node's newest telemetry, or since the node joined if it never sent any.

    Null if all telemetry is sent on change only, since a node without changes then sends nothing.
    """
    if not request.is_sampled:
        return pl.DataFrame(schema={NODE: pl.String, "data_age_hours": pl.Float64})
    newest = view.buckets([]).group_by(NODE).agg(pl.col(BUCKET_END).max())
    nodes = view.nodes().select(NODE, "observed_from").join(newest, on=NODE, how="left")
    age = pl.lit(view.at) - pl.coalesce(BUCKET_END, "observed_from")
    return nodes.select(NODE, (age.dt.total_microseconds() / MICROSECONDS_AN_HOUR).alias("data_age_hours"))


def _nothing_to_score(view: View, risk: AtRisk) -> EmptyTableError:
    present = np.count_nonzero(risk.present)
    if not present:
        return EmptyTableError.no_node(view.at)
    fleet = f"the fleet at {view.at:%Y-%m-%d %H:%M} UTC"
    why = f"has no node to score: all {present} that are present are down or under repair"
    return EmptyTableError(fleet, why, fix="score again when one is up")
