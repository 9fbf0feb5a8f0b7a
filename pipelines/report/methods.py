"""Lists how the figures were produced, so that a reader can assess them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from features.grid import to_numpy
from models.evaluation.evaluate import MODEL
from models.metrics.bootstrap import RESAMPLES
from pipelines.output.backtest_notes import alarms_of, cause_notes, nodes_at_risk, rate_notes
from pipelines.output.estimates import base_weights, score_weights
from pipelines.report.headline import count, scorable_failures
from pipelines.report.terms import model_name, percentage
from serving.formats import alarm_rate, date_or_minute, duration, pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.report.values.contents import Contents
    from pipelines.report.values.horizon import HorizonStudy

BASELINES: Final = {
    "random": "a random number for each node",
    "base_rate": "the fleet's failure rate of the last 90 days, the same for every node",
    "rule": "the best single metric and direction, chosen on training data (without telemetry: failures in a year)",
    "history": "the same model on event history and uptime alone",
    "logistic": "logistic regression on the model's own features",
    "lightgbm_raw": (
        "LightGBM with default settings, on the newest values and how they differ from those of seven forecasts before "
        "and from the fleet"
    ),
}
CAVEATS: Final = (
    (
        "A failure counts as caught if an alarm was raised on its node within the horizon before it, whatever its "
        "cause. Nodes that fail again and again are a large part of what is caught."
    ),
    (
        "An alarm holds until its horizon ends: its node gets no other before, even if it has failed and is back. At "
        "large rates chance does well, since many nodes are then under alarm much of the time."
    ),
    (
        "Each forecast adds its share of alarms. Whole ones are spent at once; of what is left, at most a day's "
        "alarms, or one, are kept. So what is caught also depends on which nodes got the alarms before."
    ),
    (
        "Intervals resample nodes and calendar weeks together. They are wider where failures are few or come "
        "together, and do not cover a future that differs from the window."
    ),
)
DROPPED: Final = {  # by reason, in the protocol's order
    "probation": "the node had just failed",
    "blind": "the collectors were down for over 40% of the horizon",
    "left": "the node left",
    "maintenance": "maintenance began",
}


def method_facts(contents: Contents) -> list[tuple[str, str]]:
    """Return terms and their descriptions."""
    return [*_window(contents), *_rows(contents), *_model(contents)]


def baseline_facts(contents: Contents) -> list[tuple[str, str]]:
    """Return each baseline and what it is."""
    return [(model_name(name), BASELINES.get(name, "")) for name in contents.main.baselines]


def _window(contents: Contents) -> Iterator[tuple[str, str]]:
    replay, study = contents.backtest.replay, contents.main
    window, every = replay.window, duration(replay.setup.design.every)
    yield (
        "test window",
        f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC, a forecast every {every}",
    )
    yield "trained on", f"what was known at the window's start: {pluralize(replay.trained.failures, 'failure')}"
    if replay.setup.history_start:
        yield "history", f"from {date_or_minute(replay.setup.history_start)} on (forecast.history_start)"
    alarms = alarms_of(study.rate, nodes_at_risk(contents.backtest, study.horizon))
    yield "alarms", f"{alarm_rate(study.rate)} ({alarms}), each holds for the horizon"
    notes = tuple(rate_notes(contents.backtest))
    if notes:
        yield "rare alarms", "; ".join(notes)
    yield "horizons", ", ".join(duration(study.horizon) for study in contents.studies)


def _rows(contents: Contents) -> Iterator[tuple[str, str]]:
    replay, study = contents.backtest.replay, contents.main
    unknown = int(replay.risk.unknown[:, replay.risk.cutoffs >= to_numpy(replay.window.start)].sum())
    dropped = int(np.count_nonzero(np.isnan(study.label)))
    kept = len(study.label) - dropped
    yield (
        "forecasts",
        f"{len(replay.rows):,} of {contents.nodes:,} nodes; {kept:,} of them evaluated at {duration(study.horizon)}",
    )
    yield "dropped", f"{dropped:,}{_dropped_by_reason(study)}"
    yield "not scored", f"{unknown:,} times a node was present but not reporting: no probability, no alarm"
    failures, scorable = count(study, "failures"), scorable_failures(study)
    repeat = duration(replay.setup.design.repeat_within(study.horizon))
    yield "failures", f"{failures:,}; the nodes of {scorable:,} had been scored within the horizon before"
    yield "repeats", f"a failure that begins within {repeat} after the end of its node's last one belongs to that one"
    for note in cause_notes(contents.backtest):
        yield "causes", note
    yield "intervals", f"95%, from {RESAMPLES:,} resamples of nodes x calendar weeks, the same for every model"


def _dropped_by_reason(study: HorizonStudy) -> str:
    measures = study.evaluation.models[MODEL].measures
    counts = {why: measures.get(f"dropped_{reason}", 0) for reason, why in DROPPED.items()}
    reasons = ", ".join(f"{why} ({number:,})" for why, number in counts.items() if isinstance(number, int) and number)
    return f": {reasons}" if reasons else ""


def _model(contents: Contents) -> Iterator[tuple[str, str]]:
    trained, forecast, scores = contents.backtest.replay.trained, contents.settings.forecast, contents.scores
    model = contents.settings.model
    kind = f"{model.seeds} x {model.trees} trees of {model.leaves} leaves" if trained.is_supported else trained.support
    yield "model", f"discrete-time hazards, {kind}, {len(trained.training.catalogue.names)} features"
    yield "base of every forecast", base_weights(trained.model.base_strength)
    if trained.is_supported:
        yield "what sets a node apart", score_weights(trained.model.trees_share)
    if scores and scores.is_published:
        yield "published scores", f"by {scores.model}, as of {scores.as_of:%Y-%m-%d %H:%M} UTC"
    if forecast.coverage_metric:
        share = percentage(forecast.coverage_share)
        yield "reporting", f"{forecast.coverage_metric} at least {share} of the fleet's median"
    if contents.table_versions:
        yield "tables", ", ".join(f"{name} version {version}" for name, version in contents.table_versions.items())
