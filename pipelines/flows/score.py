"""The flow that scores every node by a registered model and publishes the scores."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from prefect import flow
from prefect.artifacts import create_markdown_artifact

from models.hazard.train import cutoffs
from models.registry.runs import CHAMPION
from pipelines.flows.retries import step
from pipelines.flows.run_state import recorded
from pipelines.output.markdown import score_markdown
from pipelines.output.progress import progress_bars
from pipelines.output.reports import ScoredNode, ScoreReport
from pipelines.settings.load import load
from pipelines.wiring import wiring
from pipelines.wiring.as_of import cutoff, staleness_warnings
from pipelines.wiring.model_features import ModelFeatures, model_features
from pipelines.wiring.training_setup import hindsight_view, training_setup
from pipelines.wiring.window_cache import resume_windows
from serving.explanation.reason import from_json
from serving.scoring.likely_cause import LikelyCause
from serving.scoring.score import ScoreRequest, score

if TYPE_CHECKING:
    from collections.abc import Iterator

    from data.view import View
    from features.grid import Times
    from models.registry.bundle import Bundle
    from models.setup import Setup
    from pipelines.settings.schema import Settings


@flow(name="score", flow_run_name="score {config} by {model}", persist_result=False)
@recorded("score")
def score_fleet(
    config: str, overrides: list[str], model: str = CHAMPION, at: datetime | None = None, *, force: bool = False
) -> ScoreReport:
    """Score the fleet that a settings file names, publish the scores, and leave the riskiest as an artifact."""
    report = publish(load(Path(config), overrides), model, at, force=force)
    create_markdown_artifact(score_markdown(report), key="score", description="The newest scores")
    return report


@step("score and publish")
def publish(settings: Settings, model: str, at: datetime | None, *, force: bool = False) -> ScoreReport:
    """Score every node as of a time (default: now, on the grid of buckets), and put the scores where readers look.

    Scores of an earlier time than the published ones join the history only, unless forced.
    """
    version, bundle = wiring.registry(settings).load(model)
    with wiring.records(settings) as records, progress_bars() as progress:
        progress("scoring", 0, 0)
        store = wiring.store(settings)
        when = cutoff(settings, records, at)
        stale_notices = staleness_warnings(settings, store, records, when)
        stored = store.telemetry.metrics()
        offered = model_features(settings, stored, bundle.manifest)
        view = hindsight_view(store, records, offered.missing).narrow(when)
        told = training_setup(settings, (*stored, *offered.missing))
        asked = _asked(told, cutoffs(view, told), offered, (version, bundle))
        with resume_windows(wiring.windows_folder(settings), store, view, offered) as windows:
            table = score(view, asked, windows.cache)
        store.scores.add(table)
        later = records.publish_scores(table, force=force)
        notices = (
            *_unpublished(later),
            *_in_sample(bundle, when),
            *offered.notices(view, bundle.manifest),
            *stale_notices,
            *windows.notices,
        )
    report = _report(table, settings.policy.horizon_days, bundle)
    return replace(report, out=_present(view) - report.nodes - report.unknown, notices=notices)


def _present(view: View) -> int:
    gone = pl.col("observed_until") <= view.at
    return view.nodes().filter((pl.col("observed_from") <= view.at) & ~gone.fill_null(value=False)).height


def _in_sample(bundle: Bundle, when: datetime) -> tuple[str, ...]:
    """Say so if the model learned from what came after the time that is scored."""
    until = datetime.fromisoformat(bundle.manifest.trained_until)
    if until <= when:
        return ()
    told = (
        f"the model learned from records until {until:%Y-%m-%d %H:%M} UTC, after the time that is scored: it may know "
        "what came. To see what it would have said then, backtest; or train --until then, and score with that model"
    )
    return (told,)


def _unpublished(later: datetime | None) -> tuple[str, ...]:
    if later is None:
        return ()
    return (f"not published: the scores as of {later:%Y-%m-%d %H:%M} UTC are newer (--force replaces them)",)


def _asked(told: Setup, times: Times, offered: ModelFeatures, model: tuple[str, Bundle]) -> ScoreRequest:
    """Ask for the model's own features, whatever the fleet measures today."""
    version, bundle = model
    design = told.design
    return ScoreRequest(bundle, version, offered.catalogue, times, design.every_days, design.coverage, offered.metrics)


def _report(table: pl.DataFrame, horizon_days: float, bundle: Bundle) -> ScoreReport:
    at_horizon = table.filter(pl.col("horizon_hours") == _nearest(table, horizon_days))
    as_of, unknown = at_horizon["ts"].max(), at_horizon["probability"].null_count()
    assert isinstance(as_of, datetime), "a fleet with no node present has been refused"
    return ScoreReport(
        as_of=as_of,
        model_version=str(at_horizon["model_version"][0]),
        support=bundle.manifest.support,
        horizon_days=_nearest(table, horizon_days) / 24,
        nodes=at_horizon.height - unknown,
        unknown=unknown,
        scores=tuple(_ranked(table, at_horizon)),
    )


def _ranked(table: pl.DataFrame, at_horizon: pl.DataFrame) -> Iterator[ScoredNode]:
    """List every node, the riskiest first, the unknown last."""
    days = pl.format("{}d", (pl.col("horizon_hours") / 24).map_elements(lambda days: f"{days:g}", pl.String))
    every = table.group_by("node").agg(days.alias("days"), pl.col("probability").alias("probabilities"))
    ranked = at_horizon.join(every, on="node").sort("probability", "node", descending=[True, False], nulls_last=True)
    for row in ranked.iter_rows(named=True):
        chances = dict(zip(row["days"], row["probabilities"], strict=True))
        own = {name: row[name] for name in ("node", "probability", "support", "data_age_hours")}
        yield ScoredNode(
            **own, probabilities=chances, reasons=from_json(row["reasons"]), likely_cause=LikelyCause.from_row(row)
        )


def _nearest(table: pl.DataFrame, horizon_days: float) -> float:
    known: list[float] = table["horizon_hours"].unique().to_list()
    return min(known, key=lambda hours: (abs(hours - 24 * horizon_days), hours))
