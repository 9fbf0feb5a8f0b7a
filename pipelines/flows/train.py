"""The flow that trains a model on all that is known, and registers it as a challenger."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from models.causes.fit import fit_cause_model
from models.hazard import train
from models.registry import pack, training_review
from pipelines.flows.retries import step
from pipelines.flows.run_state import recorded
from pipelines.output.markdown import train_markdown
from pipelines.output.progress import progress_bars
from pipelines.output.reports import TrainReport
from pipelines.settings.load import load
from pipelines.wiring import wiring
from pipelines.wiring.as_of import cutoff, staleness_warnings
from pipelines.wiring.training_setup import hindsight_view, training_setup

if TYPE_CHECKING:
    from pipelines.settings.schema import Settings


def nothing_new(settings: Settings) -> str:
    """Say which model knows all that there is to know by now, if one does."""
    if not wiring.has_models(settings):
        return ""
    with wiring.records(settings) as records:
        when = cutoff(settings, records, None)
    for one in wiring.registry(settings).versions():
        if one.trained_until is not None and one.trained_until >= when:
            return f"model {one.version} was trained on all that was known at {one.trained_until:%Y-%m-%d %H:%M} UTC"
    return ""


@flow(name="train", flow_run_name="train {config}", persist_result=False)
@recorded("train", nothing_new)
def train_model(config: str, overrides: list[str], until: datetime | None = None) -> TrainReport:
    """Train on the fleet that a settings file names, register the model, and leave a report as an artifact."""
    report = train_and_register(load(Path(config), overrides), until)
    create_markdown_artifact(train_markdown(report), key="train", description="The newest model")
    return report


@step("train and register")
def train_and_register(settings: Settings, until: datetime | None) -> TrainReport:
    """Train on what was known at a time (default: now), and register the model with its metrics and plots."""
    with wiring.records(settings) as records, progress_bars() as progress:
        progress("training", 0, 0)
        store = wiring.store(settings)
        when = cutoff(settings, records, until)
        notices = staleness_warnings(settings, store, records, when)
        tables = store.training_versions()
        trained = train.train(
            hindsight_view(store, records).narrow(when), training_setup(settings, store.telemetry.metrics())
        )
    review = training_review.review_training(trained)
    causes = fit_cause_model(trained)
    bundle = pack.pack(trained, settings.fleet.name, review.metrics, tables, causes)
    registered = wiring.registry(settings).log(wiring.training_run(bundle, review.figures))
    return TrainReport(
        trained_until=when,
        version=registered.version,
        aliases=registered.aliases,
        support=trained.support,
        failures=trained.failures,
        min_failures=trained.setup.min_failures,
        rows=len(trained.training.rows),
        features=len(trained.training.catalogue.names),
        metrics=review.metrics,
        tables=tables,
        notices=notices,
        causes=causes.summary,
    )
