"""Trains a model on everything that is known, and registers it as a challenger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.causes.fit import fit_cause_model
from models.hazard import train as training
from models.registry import pack, training_review
from pipelines.output.progress import progress_bars
from pipelines.output.reports import TrainReport
from pipelines.wiring import wiring
from pipelines.wiring.as_of import cutoff, staleness_warnings
from pipelines.wiring.training_setup import hindsight_view, training_setup

if TYPE_CHECKING:
    from datetime import datetime

    from pipelines.settings.schema import Settings


def train(settings: Settings, until: datetime | None = None) -> TrainReport:
    """Train on what was known at a time (default: now), and register the model with its metrics and plots.

    Raises:
        TooLittleDataError: if no failure, or no row at risk, was known then.
        UnreachableError: if the MLflow server does not answer.
    """
    with wiring.records(settings) as records, progress_bars() as progress:
        progress("training", 0, 0)
        store = wiring.store(settings)
        when = cutoff(settings, records, until)
        warnings = staleness_warnings(settings, store, records, when)
        tables = store.training_versions()
        setup = training_setup(settings, store.telemetry.metrics())
        trained = training.train(hindsight_view(store, records).narrow(when), setup)
    review = training_review.review_training(trained)
    causes = fit_cause_model(trained)
    bundle = pack.pack(trained, settings.fleet.name, review.metrics, tables, causes)
    registered = wiring.registry(settings).log(wiring.training_run(bundle, review.figures))
    return TrainReport(
        trained_until=when,
        version=registered.version,
        aliases=registered.aliases,
        support=trained.support,
        basis=trained.basis,
        failures=trained.failures,
        min_failures=trained.setup.min_failures,
        rows=len(trained.training.rows),
        features=len(trained.training.catalogue.names),
        metrics=review.metrics,
        tables=tables,
        notices=warnings,
        causes=causes.summary,
        trees_share=trained.model.trees_share,
        base_strength=trained.model.base_strength,
    )


def why_up_to_date(settings: Settings) -> str:
    """Return a sentence that names the model trained on everything known by now; empty if training is due."""
    if not wiring.has_models(settings):
        return ""
    with wiring.records(settings) as records:
        when = cutoff(settings, records, None)
    for model in wiring.models(settings).versions():
        if model.trained_until is not None and model.trained_until >= when:
            return (
                f"model {model.version} was trained on all that was known at {model.trained_until:%Y-%m-%d %H:%M} UTC"
            )
    return ""
