"""How the figures came about, so that somebody else can judge the judgement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from features.grid import to_numpy
from models.metrics.bootstrap import RESAMPLES
from pipelines.output.backtest_notes import cause_notes
from pipelines.report.headline import count
from pipelines.report.terms import days, model_name, share
from serving.formats import pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipelines.report.values.contents import Contents

BASELINES: Final = {
    "random": "a number drawn for each node",
    "base_rate": "the fleet's failure rate of the last 90 days, the same for every node",
    "rule": "the best single metric and direction, chosen on training data (without telemetry: failures in a year)",
    "history": "the same model on event history and uptime alone",
    "logistic": "logistic regression on the model's own features",
    "lightgbm_raw": "LightGBM as it comes, on the newest values and how they differ from a week before and the fleet",
}
COLUMNS: Final = {
    "pr_auc": "PR-AUC",
    "roc_auc": "ROC-AUC",
    "caught_share": "caught",
    "precision": "precision of alarms",
    "episode_precision": "precision of episodes",
    "median_lead_hours": "median lead, h",
    "false_alarms_per_1000_node_days": "false alarms per 1,000 node-days",
    "observed_over_expected": "observed / expected",
    "slope": "slope",
    "ece": "calibration error",
    "brier_skill": "Brier skill",
}
OF_ALARMS: Final = (
    "caught_share",
    "precision",
    "episode_precision",
    "median_lead_hours",
    "false_alarms_per_1000_node_days",
)
SHARES: Final = ("caught_share", "precision", "episode_precision", "brier_skill")  # written in per cent
CAVEATS: Final = (
    (
        "A failure counts as caught if an alarm stood on its node within the horizon before it, whatever its cause. "
        "Nodes that fail again and again make up much of what is caught."
    ),
    (
        "Intervals resample nodes and calendar weeks together. They widen where failures are few or come together, "
        "and say nothing of a future that differs from the window."
    ),
    (
        "Alarms keep no memory and no rest: the riskiest nodes are named at every step, even while one is seen to. "
        "At large budgets chance does well, since nodes drawn anew at each step reach more of the fleet."
    ),
)


def judged(contents: Contents) -> list[tuple[str, str]]:
    """List terms and what they stand for."""
    return [*_window(contents), *_rows(contents), *_model(contents)]


def _window(contents: Contents) -> Iterator[tuple[str, str]]:
    window, study = contents.found.replay.window, contents.headline
    every = contents.found.replay.setup.design.every_days
    yield (
        "test window",
        f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC, a forecast every {days(every)}",
    )
    yield (
        "trained on",
        f"what was known at the window's start: {pluralize(contents.found.replay.trained.failures, 'failure')}",
    )
    yield (
        "alarms",
        f"the {share(study.share)} of the nodes at risk, rounded up, with the highest probabilities at each step",
    )
    yield "horizons", ", ".join(days(one.horizon_days) for one in contents.studies)


def _rows(contents: Contents) -> Iterator[tuple[str, str]]:
    replay, study = contents.found.replay, contents.headline
    unknown = int(replay.risk.unknown[:, replay.risk.cutoffs >= to_numpy(replay.window.start)].sum())
    dropped = int(np.count_nonzero(np.isnan(study.label)))
    kept = len(study.label) - dropped
    yield (
        "forecasts",
        f"{len(replay.rows):,} of {contents.nodes:,} nodes; {kept:,} of them judged at {days(study.horizon_days)}",
    )
    yield "dropped", f"{dropped:,}: the node left, maintenance began, or over 40% of the horizon was blind"
    yield "not scored", f"{unknown:,} times a node was present but not reporting: no probability, no alarm"
    seen = count(study, "failures_scorable")
    yield (
        "failures",
        f"{count(study, 'failures'):,}, of which {seen:,} struck a node that had been scored within the horizon",
    )
    for line in cause_notes(contents.found):
        yield "causes", line
    yield "intervals", f"95%, from {RESAMPLES:,} resamples of nodes x calendar weeks, the same for every model"


def _model(contents: Contents) -> Iterator[tuple[str, str]]:
    trained, settings = contents.found.replay.trained, contents.settings
    model = settings.model
    kind = f"{model.seeds} x {model.trees} trees of {model.leaves} leaves" if trained.is_supported else trained.support
    yield "model", f"discrete-time hazards, {kind}, {len(trained.training.catalogue.names)} features"
    if contents.standing and contents.standing.is_published:
        yield "published scores", f"by {contents.standing.model}, as of {contents.standing.as_of:%Y-%m-%d %H:%M} UTC"
    if coverage := settings.forecast.coverage_metric:
        yield "reporting", f"{coverage} at least {share(settings.forecast.coverage_share)} of the fleet's median"
    if contents.tables:
        yield "tables", ", ".join(f"{name} version {version}" for name, version in contents.tables.items())


def baselines(contents: Contents) -> list[tuple[str, str]]:
    """Say what each baseline is."""
    return [(model_name(name), BASELINES.get(name, "")) for name in contents.headline.rivals]
