"""Runs a backtest: replays a window, and evaluates every model's probabilities by horizon and by part of the fleet."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.errors import SettingsError
from features.grid import Grid, to_numpy
from models.backtest.replay import BacktestWindow, Replay, label_cases, run_replay
from models.backtest.result import Backtest, middle_share
from models.evaluation.context import EvaluationContext
from models.evaluation.evaluate import MODEL, Evaluation, evaluate
from models.evaluation.slices.slices import Slicing, slice_alarms
from models.evaluation.slices.sums import ModelAlarms
from models.metrics.bootstrap import Resampler, draw_resampler

if TYPE_CHECKING:
    from collections.abc import Callable

    from data.view import View
    from models.evaluation.evaluation_set import EvaluationSet
    from models.setup import Setup

    Progress = Callable[[str, int, int], None]  # stage, done, and of how many; 0: unknown

MEGABYTE = 1024.0  # ru_maxrss counts kibibytes


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What a backtest is called, and by which alarm budgets and notice it is evaluated."""

    dataset: str
    alarm_shares: tuple[float, ...]
    lead_hours: tuple[int, ...]


def run_backtest(
    hindsight: View, window: BacktestWindow, setup: Setup, options: EvaluationOptions, progress: Progress
) -> Backtest:
    """Train at the window's start, forecast to its end, and evaluate the forecasts.

    Raises:
        SettingsError: if a horizon is no whole number of days, or the window starts between buckets.
        TooLittleDataError: if no failure is known at the window's start, or no step of it can be judged.
    """
    began = time.monotonic()
    _require_whole_days(setup)
    if setup.metrics:
        Grid.clock(hindsight.width).position(np.array([to_numpy(window.start)]))  # refuses a start between buckets
    replay = run_replay(hindsight, window, setup, lambda stage: progress(stage, 0, 0))
    rng = np.random.default_rng(setup.recipe.params.random_seed)
    resampler = draw_resampler(replay.rows.names, to_numpy(window.start), to_numpy(window.end), rng)
    evaluations = _evaluate(replay, hindsight, options, resampler, progress)
    slicings = _slice(replay, hindsight, middle_share(options.alarm_shares), resampler, progress)
    shortest = label_cases(replay, hindsight, setup.design.horizons_days[0])
    return Backtest(
        dataset=options.dataset,
        alarm_shares=options.alarm_shares,
        lead_hours=options.lead_hours,
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


def _require_whole_days(setup: Setup) -> None:
    for days in setup.design.horizons_days:
        if days != int(days):
            raise SettingsError(
                f"forecast.horizons_days holds {days:g}: backtests are judged over whole days",
                fix="backtest with whole days: --set forecast.horizons_days=[1,7]",
            )


def _evaluate(
    replay: Replay, hindsight: View, options: EvaluationOptions, resampler: Resampler, progress: Progress
) -> dict[float, Evaluation]:
    horizons = replay.setup.design.horizons_days
    evaluations: dict[float, Evaluation] = {}
    for done, horizon in enumerate(horizons):
        progress("judging", done, len(horizons))
        _, probabilities = replay.of_horizon(horizon)
        cases = label_cases(replay, hindsight, horizon)
        evaluations[horizon] = evaluate(cases, probabilities, options.alarm_shares, resampler, options.lead_hours)
    return evaluations


def _slice(
    replay: Replay, hindsight: View, alarm_share: float, resampler: Resampler, progress: Progress
) -> dict[float, Slicing]:
    horizons = replay.setup.design.horizons_days
    slicings: dict[float, Slicing] = {}
    for done, horizon in enumerate(horizons):
        progress("slicing", done, len(horizons))
        _, probabilities = replay.of_horizon(horizon)
        context = EvaluationContext.of(label_cases(replay, hindsight, horizon), resampler)
        idle = None if replay.idle is None else replay.idle[replay.is_judged(horizon)]
        slicings[horizon] = slice_alarms(ModelAlarms.of(context, probabilities[MODEL], alarm_share), hindsight, idle)
    return slicings
