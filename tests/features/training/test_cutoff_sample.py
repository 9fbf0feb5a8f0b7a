"""Cutoffs drawn for training: which are left out, and that the weights of the others stand for them."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from features.grid import to_numpy
from features.population.at_risk import cutoffs_until
from features.training import cutoff_sample
from features.training.cutoff_sample import CutoffSample, draw_cutoffs
from tests.features.fleets import DAY, START, event, fleet

if TYPE_CHECKING:
    from data.view import View
    from features.grid import Times

HOUR = timedelta(hours=1)
DAYS = 60
FAILS_AFTER = 40.5  # hours
NODES = [{"node": "a", "observed_from": START}, {"node": "b", "observed_from": START}]


@pytest.fixture
def _large_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutoff_sample, "FEWEST_ROWS", 1)


@cache
def view() -> View:
    start = START + FAILS_AFTER * HOUR
    return fleet([event("a", start, start + HOUR)], NODES).view(START + DAYS * DAY)


def draw(
    seed: int, every: timedelta = HOUR, horizons: tuple[timedelta, ...] = (HOUR, 6 * HOUR, 7 * DAY)
) -> CutoffSample:
    return draw_cutoffs(view(), to_numpy(START), every, horizons, np.random.default_rng(seed))


def everything(every: timedelta = HOUR) -> Times:
    return cutoffs_until(view(), to_numpy(START), every)


@pytest.mark.usefixtures("_large_fleet")
@pytest.mark.parametrize("every", [DAY, 7 * DAY])
def test_a_step_of_a_day_or_more_leaves_none_out(every: timedelta) -> None:
    drawn = draw(1, every)
    assert drawn.cutoffs.tolist() == everything(every).tolist()
    assert set(drawn.weight) == {1.0}


def test_a_small_fleet_leaves_none_out() -> None:
    assert draw(1).cutoffs.tolist() == everything().tolist()


@pytest.mark.usefixtures("_large_fleet")
def test_about_one_cutoff_a_day_is_drawn_at_every_hour_of_the_day() -> None:
    drawn = draw(1)
    assert DAYS <= len(drawn.cutoffs) <= 1.6 * DAYS
    hours = {moment.hour for seed in range(5) for moment in draw(seed).cutoffs.tolist()}
    assert hours == set(range(24))


@pytest.mark.usefixtures("_large_fleet")
def test_each_cutoff_is_drawn_with_the_chance_that_its_weight_says() -> None:
    cutoffs, seeds = everything(), 400
    drawn = np.zeros(len(cutoffs))
    weight = np.full(len(cutoffs), np.nan)
    for seed in range(seeds):
        sample = draw(seed)
        position = np.searchsorted(cutoffs, sample.cutoffs)
        drawn[position] += 1
        weight[position] = sample.weight
    chance = 1 / weight
    error = np.sqrt(chance * (1 - chance) / seeds)
    assert np.abs(drawn / seeds - chance).max() < 5 * error.max()
    assert (drawn @ weight) / seeds == pytest.approx(len(cutoffs), rel=0.01)


@pytest.mark.usefixtures("_large_fleet")
def test_the_cutoff_before_the_only_failure_is_always_drawn_and_counts_once() -> None:
    before = to_numpy(START + 40 * HOUR)
    draws = [draw(seed) for seed in range(20)]
    assert [drawn.weight[drawn.cutoffs == before].tolist() for drawn in draws] == [[1.0]] * 20


@pytest.mark.usefixtures("_large_fleet")
def test_no_cutoff_is_drawn_for_a_failure_within_an_interval_of_a_day_or_more() -> None:
    assert {len(draw(seed, horizons=(7 * DAY,)).cutoffs) for seed in range(20)} <= {DAYS, DAYS + 1}
