"""A small fleet's setup for training and replays, quick to fit."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from features.population.at_risk import Coverage
from features.training.training_set import Design
from models.backtest.replay import BacktestWindow, Replay, run_replay
from models.hazard.train import Trained, train
from models.setup import Params, Recipe, Setup
from tests.features.fleets import DAY, START, Fleet
from tests.features.synthetic import METRICS, synthetic

if TYPE_CHECKING:
    from data.schema import Metric

SPLIT = START + 30 * DAY
WINDOW = BacktestWindow(SPLIT, START + 45 * DAY)
HORIZONS = (DAY, 3 * DAY, 7 * DAY)


def setup_of(metrics: tuple[Metric, ...] = METRICS, min_failures: int = 10) -> Setup:
    return Setup(
        design=Design(HORIZONS, DAY, Coverage("seen_n", 0.5) if metrics else None, 5.0),
        recipe=Recipe(Params(trees=10, leaves=4, min_child=5, seeds=2), 3, DAY),
        metrics=metrics,
        windows=(DAY, 2 * DAY, 7 * DAY),
        rule=(),
        min_failures=min_failures,
        history_start=None,
    )


@cache
def made_up() -> Fleet:
    return synthetic(np.random.default_rng(3))


@cache
def trained() -> Trained:
    """Train on the made-up fleet as it was known at the split."""
    return train(made_up().view(SPLIT), setup_of())


@cache
def replayed() -> Replay:
    """Replay the made-up fleet's forecasts of two weeks."""
    return replay(made_up(), setup_of())


def replay(fleet: Fleet, setup: Setup, window: BacktestWindow = WINDOW) -> Replay:
    return run_replay(fleet.view(), window, setup, lambda _: None)
