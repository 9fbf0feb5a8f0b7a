"""Scores every node with a registered model, and publishes the scores."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from data.durations import format_duration
from data.time_grid import HOUR, in_hours
from models.hazard.train import rate_cutoffs
from models.registry.model_version import CHAMPION
from pipelines.output.progress import progress_bars
from pipelines.output.reports import ScoredNode, ScoreReport
from pipelines.wiring import wiring
from pipelines.wiring.as_of import cutoff, staleness_warnings
from pipelines.wiring.model_features import model_features
from pipelines.wiring.training_setup import hindsight_view, training_setup
from pipelines.wiring.window_cache import resume_windows
from serving.explanation.reason import from_json
from serving.scoring.likely_cause import LikelyCause
from serving.scoring.score import ScoreRequest
from serving.scoring.score import score as score_nodes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.view import View
    from models.registry.bundle import Bundle
    from pipelines.settings.schema import Settings


def score(settings: Settings, model: str = CHAMPION, at: datetime | None = None, *, force: bool = False) -> ScoreReport:
    """Score every node with a model as of a time (default: now, at the end of a bucket), and publish the scores.

    Scores of an earlier time than the published ones are only added to the history, unless forced.

    Raises:
        DataError: if there is no such model, or the records end long before.
    """
    version, bundle = wiring.models(settings).load(model)
    with wiring.records(settings) as records, progress_bars() as progress:
        progress("scoring", 0, 0)
        store = wiring.store(settings)
        when = cutoff(settings, records, at)
        warnings = staleness_warnings(settings, store, records, when)
        stored = store.telemetry.metrics()
        features = model_features(settings, stored, bundle.manifest)
        view = hindsight_view(store, records, features.missing).narrow(when)
        setup = training_setup(settings, (*stored, *features.missing))
        design = setup.design
        request = ScoreRequest(
            bundle,
            version,
            features.catalogue,
            *rate_cutoffs(view, setup),
            design.repeats[0],
            design.coverage,
            features.metrics,
        )
        with resume_windows(wiring.windows_folder(settings), store, view, features) as windows:
            table = score_nodes(view, request, windows.cache)
        store.scores.add(table)
        newer = records.publish_scores(table, force=force)
        notices = (
            *_not_published(newer),
            *_in_sample(bundle, when),
            *features.notices(view, bundle.manifest),
            *warnings,
            *windows.notices,
        )
    report = _report(table, settings.policy.horizon, bundle)
    return replace(report, out=_present_nodes(view) - report.nodes - report.unknown, notices=notices)


def _present_nodes(view: View) -> int:
    has_left = pl.col("observed_until") <= view.at
    return view.nodes().filter((pl.col("observed_from") <= view.at) & ~has_left.fill_null(value=False)).height


def _in_sample(bundle: Bundle, when: datetime) -> tuple[str, ...]:
    """Warn if the model learned from records of after the time that is scored."""
    until = datetime.fromisoformat(bundle.manifest.trained_until)
    if until <= when:
        return ()
    warning = (
        f"the model learned from records until {until:%Y-%m-%d %H:%M} UTC, after the time that is scored: "
        "it may know what came. To see what it would have predicted then, run a backtest, or train --until then "
        "and score with that model"
    )
    return (warning,)


def _not_published(newer: datetime | None) -> tuple[str, ...]:
    if newer is None:
        return ()
    return (f"not published: the scores as of {newer:%Y-%m-%d %H:%M} UTC are newer (`score --force` replaces them)",)


def _report(table: pl.DataFrame, horizon: timedelta, bundle: Bundle) -> ScoreReport:
    at_horizon = table.filter(pl.col("horizon_hours") == _nearest(table, horizon))
    as_of, unknown = at_horizon["ts"].max(), at_horizon["probability"].null_count()
    assert isinstance(as_of, datetime), "a fleet with no node present has been refused"
    return ScoreReport(
        as_of=as_of,
        model_version=str(at_horizon["model_version"][0]),
        support=bundle.manifest.support,
        horizon=_nearest(table, horizon) * HOUR,
        nodes=at_horizon.height - unknown,
        unknown=unknown,
        scores=tuple(_ranked(table, at_horizon)),
    )


def _ranked(table: pl.DataFrame, at_horizon: pl.DataFrame) -> Iterator[ScoredNode]:
    """Yield every node, the riskiest first, the unknown ones last."""
    horizons = table.group_by("node").agg(
        pl.col("horizon_hours").alias("horizons"), pl.col("probability").alias("probabilities")
    )
    ranked = at_horizon.join(horizons, on="node").sort("probability", "node", descending=[True, False], nulls_last=True)
    for row in ranked.iter_rows(named=True):
        yield ScoredNode(
            **{name: row[name] for name in ("node", "probability", "support", "data_age_hours")},
            probabilities={
                format_duration(hours * HOUR): probability
                for hours, probability in zip(row["horizons"], row["probabilities"], strict=True)
            },
            reasons=from_json(row["reasons"]),
            likely_cause=LikelyCause.from_row(row),
        )


def _nearest(table: pl.DataFrame, horizon: timedelta) -> float:
    horizons_hours: list[float] = table["horizon_hours"].unique().to_list()
    return min(horizons_hours, key=lambda hours: (abs(hours - in_hours(horizon)), hours))
