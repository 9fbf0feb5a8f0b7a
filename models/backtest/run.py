"""Runs a backtest: replays a window, and evaluates every model's probabilities by horizon and by part of the fleet."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.grid import Grid, to_numpy
from models.backtest.replay import BacktestWindow, label_cases, run_replay
from models.backtest.result import Backtest
from models.evaluation.context import EvaluationContext
from models.evaluation.evaluate import MODEL, AlarmBudgets, Evaluation, evaluate_in
from models.evaluation.slices.slices import Slicing, slice_alarms
from models.evaluation.slices.sums import ModelAlarms
from models.metrics.bootstrap import draw_resampler

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from data.view import View
    from models.evaluation.evaluation_set import EvaluationSet
    from models.setup import Setup

    Progress = Callable[[str, int, int], None]  # stage, done, and of how many; 0: unknown

MEGABYTE = 1024.0  # ru_maxrss counts kibibytes


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What a backtest is called, and by which alarm budgets it is evaluated."""

    dataset: str
    budgets: AlarmBudgets


def run_backtest(
    hindsight: View, window: BacktestWindow, setup: Setup, options: EvaluationOptions, progress: Progress
) -> Backtest:
    """Train at the window's start, forecast to its end, and evaluate the forecasts.

    Raises:
        SettingsError: if the window starts between buckets.
        TooLittleDataError: if no failure is known at the window's start, or no step of it can be judged.
    """
    began = time.monotonic()
    if setup.metrics:
        Grid.clock(hindsight.width).position(np.array([to_numpy(window.start)]))  # refuses a start between buckets
    replay = run_replay(hindsight, window, setup, lambda stage: progress(stage, 0, 0))
    rng = np.random.default_rng(setup.recipe.params.random_seed)
    resampler = draw_resampler(replay.rows.names, to_numpy(window.start), to_numpy(window.end), rng)
    evaluations: dict[timedelta, Evaluation] = {}
    slicings: dict[timedelta, Slicing] = {}
    for done, horizon in enumerate(setup.design.horizons):
        progress("judging", done, len(setup.design.horizons))
        _, probabilities = replay.of_horizon(horizon)
        context = EvaluationContext.of(label_cases(replay, hindsight, horizon), resampler)
        evaluations[horizon] = evaluate_in(context, probabilities, options.budgets)
        idle = None if replay.idle is None else replay.idle[replay.is_judged(horizon)]
        alarms = ModelAlarms.of(context, probabilities[MODEL], options.budgets.headline_rate)
        slicings[horizon] = slice_alarms(alarms, hindsight, idle)
    shortest = label_cases(replay, hindsight, setup.design.horizons[0])
    return Backtest(
        dataset=options.dataset,
        budgets=options.budgets,
        replay=replay,
        evaluations=evaluations,
        slicings=slicings,
        resampler=resampler,
        dropped=int(np.count_nonzero(~shortest.is_kept)),
        failures=_count_failures(shortest, window),
        seconds=time.monotonic() - began,
        peak_rss_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE,
        state_folder=None,
    )


def _count_failures(cases: EvaluationSet, window: BacktestWindow) -> int:
    start = cases.failure_start
    return int(np.count_nonzero((start > to_numpy(window.start)) & (start <= to_numpy(window.end))))
