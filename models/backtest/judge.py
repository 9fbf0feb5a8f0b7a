"""Judges a replay: every model's probabilities against what came, by horizon and by part of the fleet."""

from __future__ import annotations

import resource
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from data.errors import SettingsError
from features.grid import Grid, to_numpy
from models.backtest.replay import Replay, Window, judge_cases, replay
from models.backtest.result import Backtest, middle
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

MEGABYTE = 1024.0  # ru_maxrss counts kibibytes


@dataclass(frozen=True, slots=True)
class Judging:
    """What a backtest is called, and by which alarm budgets and notice it is judged."""

    dataset: str
    alarm_shares: tuple[float, ...]
    lead_hours: tuple[int, ...]


def replay_and_judge(
    hindsight: View, window: Window, setup: Setup, judging: Judging, progress: Callable[[str, int, int], None]
) -> Backtest:
    """Train at the window's start, forecast to its end, and judge that.

    Raises:
        SettingsError: if a horizon is no whole number of days, or the window starts between buckets.
        TooLittleDataError: if no failure is known at the window's start, or no step of it can be judged.
    """
    began = time.monotonic()
    _require_whole_days(setup)
    if setup.metrics:
        Grid.clock(hindsight.width).position(np.array([to_numpy(window.start)]))  # refuses a start between buckets
    replayed = replay(hindsight, window, setup, lambda stage: progress(stage, 0, 0))
    rng = np.random.default_rng(setup.recipe.params.random_seed)
    resampler = draw_resampler(replayed.rows.names, to_numpy(window.start), to_numpy(window.end), rng)
    evaluations = _judge(replayed, hindsight, judging, resampler, progress)
    slicings = _slice(replayed, hindsight, middle(judging.alarm_shares), resampler, progress)
    first = judge_cases(replayed, hindsight, setup.design.horizons_days[0])
    return Backtest(
        judging.dataset,
        judging.alarm_shares,
        judging.lead_hours,
        replayed,
        evaluations,
        slicings,
        resampler,
        int(np.count_nonzero(~first.is_kept)),
        _failures(first, window),
        time.monotonic() - began,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE,
        None,
    )


def _failures(cases: EvaluationSet, window: Window) -> int:
    start = cases.failure_start
    return int(np.count_nonzero((start > to_numpy(window.start)) & (start <= to_numpy(window.end))))


def _require_whole_days(setup: Setup) -> None:
    for days in setup.design.horizons_days:
        if days != int(days):
            raise SettingsError(
                f"forecast.horizons_days holds {days:g}: backtests are judged over whole days",
                fix="backtest with whole days: --set forecast.horizons_days=[1,7]",
            )


def _judge(
    replayed: Replay,
    hindsight: View,
    judging: Judging,
    resampler: Resampler,
    progress: Callable[[str, int, int], None],
) -> dict[float, Evaluation]:
    horizons = replayed.setup.design.horizons_days
    told: dict[float, Evaluation] = {}
    for done, horizon in enumerate(horizons):
        progress("judging", done, len(horizons))
        _, probabilities = replayed.at(horizon)
        cases = judge_cases(replayed, hindsight, horizon)
        told[horizon] = evaluate(cases, probabilities, judging.alarm_shares, resampler, judging.lead_hours)
    return told


def _slice(
    replayed: Replay,
    hindsight: View,
    share: float,
    resampler: Resampler,
    progress: Callable[[str, int, int], None],
) -> dict[float, Slicing]:
    horizons = replayed.setup.design.horizons_days
    told: dict[float, Slicing] = {}
    for done, horizon in enumerate(horizons):
        progress("slicing", done, len(horizons))
        _, probabilities = replayed.at(horizon)
        context = EvaluationContext.of(judge_cases(replayed, hindsight, horizon), resampler)
        idle = None if replayed.idle is None else replayed.idle[replayed.judged(horizon)]
        told[horizon] = slice_alarms(ModelAlarms.of(context, probabilities[MODEL], share), hindsight, idle)
    return told
