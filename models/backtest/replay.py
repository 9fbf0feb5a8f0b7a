"""Replays a forecast over the past: the model and the baselines learn before a window and forecast in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data.durations import format_duration
from data.errors import TooLittleDataError
from data.outages import merge_failures
from data.schema import NODE
from features.catalogue import idle_spells
from features.compute import batch
from features.events.base_rates import FleetRate
from features.grid import Times, locate, to_datetime, to_numpy, to_step, to_times
from features.population.at_risk import AtRisk, Rows, assess
from features.population.probation import on_probation
from features.training.labels import Outcomes, label
from models.baselines.runner import Baseline, BaselineRunner, ForecastBlock
from models.causes.failure_rows import FailureRows
from models.causes.fit import fit_cause_model
from models.causes.replay import replay_causes
from models.evaluation.evaluate import MODEL
from models.evaluation.evaluation_set import EvaluationSet
from models.hazard.model import Covariates
from models.hazard.train import Trained, train

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from data.view import View
    from models.causes.replay import CauseReplay
    from models.setup import Setup

Floats = NDArray[np.float64]
Progress = Callable[[str], None]
BLOCK_CELLS = 1 << 25  # rows x features at once: 128 MiB


@dataclass(frozen=True, slots=True)
class BacktestWindow:
    """The test window: forecasts are made from `start` on, and judged by what happens up to `end`."""

    start: datetime
    end: datetime

    def last_cutoff(self, horizon: timedelta) -> np.datetime64:
        """Return the last time at which a forecast over the horizon can still be judged."""
        return np.datetime64(to_numpy(self.end) - to_step(horizon))


@dataclass(frozen=True, slots=True)
class Replay:
    """The rows at risk in a test window and every model's probabilities for them: rows x horizons."""

    window: BacktestWindow
    setup: Setup
    trained: Trained
    risk: AtRisk
    rows: Rows
    probabilities: dict[str, Floats]
    causes: CauseReplay | None = None  # the forecast causes of the failures that came
    idle: Floats | None = None  # whether each row's node had no work: 1, 0, NaN where unknown

    def is_judged(self, horizon: timedelta) -> NDArray[np.bool_]:
        """Return which rows can be judged at a horizon."""
        return self.rows.ts <= self.window.last_cutoff(horizon)

    def causes_within(self, horizon: timedelta) -> CauseReplay | None:
        """Return the forecast causes of failures within a horizon, at the rows that can be judged at it."""
        if self.causes is None:
            return None
        ts, start = self.causes.rows.ts, self.causes.failure_rows.start
        return self.causes.take((ts <= self.window.last_cutoff(horizon)) & (start <= ts + to_step(horizon)))

    def of_horizon(self, horizon: timedelta) -> tuple[Rows, dict[str, Floats]]:
        """Return the rows that can be judged at a horizon, and each model's probabilities for them."""
        is_judged, column = self.is_judged(horizon), self.setup.design.horizons.index(horizon)
        probabilities = {name: by_horizon[is_judged, column] for name, by_horizon in self.probabilities.items()}
        return self.rows.take(is_judged), probabilities


def run_replay(hindsight: View, window: BacktestWindow, setup: Setup, progress: Progress) -> Replay:
    """Train at the window's start and forecast at every step of it.

    Raises:
        TooLittleDataError: if no failure is known at the window's start, or no step of it can be judged.
    """
    cutoffs = window_cutoffs(window, setup)
    progress("training")
    trained = train(hindsight.narrow(window.start), setup)
    view, design = hindsight.narrow(to_datetime(cutoffs[-1])), setup.design
    learned = trained.risk.cutoffs[trained.risk.cutoffs < cutoffs[0]]
    risk = assess(view, np.concatenate([learned, cutoffs]), design.coverage)
    rows = risk.rows()
    rows = rows.take(rows.ts >= cutoffs[0])
    forecasts: dict[str, Baseline] = {MODEL: lambda block: trained.model.probabilities(block.covariates)}
    for name, train_baseline in BaselineRunner(trained).trainers(view, risk, rows).items():
        progress(f"baseline {name}")
        forecasts[name] = train_baseline()
    progress("causes")
    cause_model = fit_cause_model(trained)
    followed = FailureRows.of(hindsight, rows, to_step(design.horizons[-1]), cause_model.causes)
    progress("forecasts")
    fleet_rate = FleetRate.of(view, risk, design.every, design.repeats[0])
    probabilities = {name: np.empty((len(rows), len(design.horizons))) for name in forecasts}
    followed_features = np.empty((len(followed), len(trained.training.catalogue.features)), np.float32)
    is_idle = np.full(len(rows), np.nan)
    for positions, features in batch.blocks(trained.training.catalogue, view, risk, rows, BLOCK_CELLS):
        block = ForecastBlock.of(
            view, risk, rows, positions, Covariates(features, fleet_rate.take(rows.cutoff[positions]))
        )
        for name, forecast in forecasts.items():
            probabilities[name][positions] = forecast(block)
        if (idle := idle_spells.of_rows(trained.training.catalogue, features)) is not None:
            is_idle[positions] = idle
        of_followed = np.isin(followed.row, positions)
        followed_features[of_followed] = features[np.searchsorted(positions, followed.row[of_followed])]
    causes = replay_causes(cause_model, hindsight, rows, followed, followed_features)
    is_known = not np.isnan(is_idle).all()
    return Replay(window, setup, trained, risk, rows, probabilities, causes, is_idle if is_known else None)


def window_cutoffs(window: BacktestWindow, setup: Setup) -> Times:
    """List the times of the window at which a forecast over the shortest horizon can be judged.

    Raises:
        TooLittleDataError: if there is none.
    """
    step, start = to_step(setup.design.every), to_numpy(window.start)
    count = int((window.last_cutoff(setup.design.horizons[0]) - start) // step) + 1
    if count < 1:
        raise TooLittleDataError(
            f"no forecast over {format_duration(setup.design.horizons[0])} can be judged from "
            f"{window.start:%Y-%m-%d %H:%M} on: "
            f"what is judged ends at {window.end:%Y-%m-%d %H:%M} (--test-end, or else the last recorded event)",
            fix="choose an earlier --test-start, a later --test-end or shorter horizons",
        )
    return np.asarray(start + step * np.arange(count))


def label_cases(replay: Replay, hindsight: View, horizon: timedelta) -> EvaluationSet:
    """Label the rows of one horizon in hindsight."""
    rows, _ = replay.of_horizon(horizon)
    design, cutoffs = replay.setup.design, replay.risk.cutoffs
    repeat = design.repeat_within(horizon)
    labels = label(rows, Outcomes.of(hindsight, rows.names), horizon, repeat)
    outages = merge_failures(hindsight.events(), repeat)
    is_scored = (cutoffs >= to_numpy(replay.window.start)) & (cutoffs <= replay.window.last_cutoff(horizon))
    return EvaluationSet(
        names=rows.names,
        node=rows.node.astype(np.int32),
        ts=rows.ts,
        label=labels.label,
        can_alarm=~on_probation(hindsight, rows, repeat),
        times=cutoffs[is_scored],
        failure_node=locate(outages[NODE], rows.names).astype(np.int32),
        failure_start=to_times(outages["start"]),
        horizon=horizon,
        every=design.every,
        repeat=repeat,
        dropped=labels.dropped,
    )
