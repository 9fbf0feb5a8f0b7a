"""Scores every node of a fleet at one time, with what the score rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from data.schema import BUCKET_END, NODE, SCORE_SCHEMA, TS
from features import batch
from features.dataset import cutoffs_until
from features.grid import to_numpy
from features.history import RECENT, steady_rate
from features.risk import Coverage, Risk, assess
from models.hazard import Covariates
from serving.reasons import explain

if TYPE_CHECKING:
    from data.view import View
    from features.catalogue import Catalogue
    from models.bundle import Bundle

UNKNOWN = "unknown"
DAY_HOURS = 24.0


@dataclass(frozen=True, slots=True)
class Asked:
    """How to score: by which model, on which features, and for which nodes."""

    bundle: Bundle
    version: str
    catalogue: Catalogue
    coverage: Coverage | None
    every_days: float
    is_sampled: bool  # telemetry comes on a schedule, so that its age means something


def score(view: View, asked: Asked) -> pl.DataFrame:
    """Score, as of the view's time, every node that is present and not under repair.

    Returns:
        SCORE_SCHEMA, a row for each node and horizon. A node that is not reporting is 'unknown' and has no
        probability.

    Raises:
        ModelMismatchError: if the model was built for another catalogue.
    """
    asked.bundle.require(asked.catalogue.names)
    risk = assess(view, cutoffs_until(view, to_numpy(view.at), asked.every_days), asked.coverage)
    rows = risk.rows()
    features = batch.compute(asked.catalogue, view, risk, rows)
    seen = Covariates(features, np.full(len(rows), _fleet_rate(view, asked)))
    known = _table(
        [rows.names[at] for at in rows.node],
        asked,
        asked.bundle.model.probabilities(seen),
        asked.bundle.manifest.support,
        explain(asked.bundle.model, asked.catalogue, seen),
    )
    silent = [risk.names[at] for at in np.flatnonzero(risk.unknown[:, -1])]
    nothing = np.full((len(silent), len(asked.bundle.model.horizons_days)), np.nan)
    unknown = _table(silent, asked, nothing, UNKNOWN, ["not reporting"] * len(silent))
    ages = _data_ages(view, asked)
    table = pl.concat([known, unknown]).join(ages, on=NODE, how="left", maintain_order="left")
    return table.with_columns(pl.lit(view.at).cast(pl.Datetime("us", "UTC")).alias(TS)).select(SCORE_SCHEMA)


def _fleet_rate(view: View, asked: Asked) -> float:
    start = np.datetime64(to_numpy(view.at) - np.timedelta64(RECENT))
    past: Risk = assess(view, cutoffs_until(view, start, asked.every_days), asked.coverage)
    return float(steady_rate(view, past, asked.every_days)[-1])


def _table(
    nodes: list[str], asked: Asked, probabilities: NDArray[np.float64], support: str, reasons: list[str]
) -> pl.DataFrame:
    horizons = asked.bundle.model.horizons_days
    count = len(horizons)
    return pl.DataFrame(
        {
            NODE: pl.Series(np.repeat(np.array(nodes, dtype=object), count), dtype=pl.String),
            "horizon_hours": np.tile(np.array(horizons) * DAY_HOURS, len(nodes)),
            "probability": pl.Series(probabilities.ravel(), dtype=pl.Float64).fill_nan(None),
            "reasons": pl.Series(np.repeat(np.array(reasons, dtype=object), count), dtype=pl.String),
        }
    ).with_columns(model_version=pl.lit(asked.version), support=pl.lit(support))


def _data_ages(view: View, asked: Asked) -> pl.DataFrame:
    """Give the hours since each node's newest telemetry; none where telemetry tells only of changes."""
    if not asked.is_sampled:
        return pl.DataFrame(schema={NODE: pl.String, "data_age_hours": pl.Float64})
    newest = view.buckets([]).group_by(NODE).agg(pl.col(BUCKET_END).max())
    age = (pl.lit(view.at) - pl.col(BUCKET_END)).dt.total_seconds() / 3600.0
    return newest.select(NODE, age.alias("data_age_hours"))
