from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import count
from math import inf

import numpy as np
import polars as pl
import pytest

from data.errors import TooLittleDataError
from models.setup import Params
from models.tuning.confirmation import LOSS, TuningOptions
from models.tuning.search import WARM_UP_TRIALS, Budget, SettingsTrial, TuningResult, ranked, run_trials, tune
from models.tuning.search_space import search_space
from models.tuning.validation_folds import TuningSplit
from tests.features.fleets import DAY, Fleet
from tests.models.audit.plants import at, clean
from tests.models.audit.plants import setup_of as plain_setup
from tests.models.replays import SPLIT, made_up, setup_of, trained

OPTIONS = TuningOptions(7 * DAY, 0.05, 1)
END = at(160)
HOPELESS = Params(trees=1, leaves=2, learning_rate=0.01, trees_share=1.0)


def ticking(seconds: float = 1.0) -> Budget:
    """Make an endless budget with a clock that moves whenever it is read."""
    ticks = count(0.0, seconds)
    return Budget(lambda: next(ticks))


def tuned(records: Fleet, params: Params, max_trials: int) -> TuningResult:
    usual = plain_setup()
    setup = replace(usual, recipe=replace(usual.recipe, folds=1, params=params))
    return tune(records.view(END), setup, replace(ticking(), max_trials=max_trials), OPTIONS, lambda *_: None)


def without_times(trials: tuple[SettingsTrial, ...]) -> list[tuple[Params, tuple[float, ...]]]:
    return [(trial.params, trial.losses) for trial in trials]


@cache
def improved() -> TuningResult:
    """Tune settings that learn next to nothing, on nodes that get warm before they fail."""
    return tuned(clean(), HOPELESS, 3)


def test_better_settings_are_found_and_confirmed_on_failures_outside_the_search() -> None:
    result = improved()
    assert result.comparison is not None
    assert result.comparison.is_better
    assert result.comparison.gains[LOSS].value == pytest.approx(0.6, abs=0.5)
    assert result.best.number > 0
    assert result.trials[0].losses[-1] == pytest.approx(result.rate_loss, rel=0.01)  # next to nothing


def test_the_first_trial_is_todays_settings() -> None:
    assert improved().trials[0].params == replace(HOPELESS, seeds=1)
    assert [trial.number for trial in improved().trials] == [0, 1, 2]
    assert improved().failures >= 200


def test_what_was_recorded_after_the_views_time_changes_no_trial() -> None:
    usual = setup_of()
    setup = replace(usual, recipe=replace(usual.recipe, folds=1, params=replace(usual.recipe.params, trees=50)))
    later = pl.col("recorded_at") > SPLIT
    changed = replace(
        made_up(),
        events=made_up().events.with_columns(kind=pl.when(later).then(pl.lit("failure")).otherwise("kind")),
        telemetry=made_up().telemetry.with_columns(
            temperature=pl.when(pl.col("available_at") > SPLIT).then(pl.lit(-1e6)).otherwise("temperature")
        ),
    )
    original, *others = (
        tune(records.view(SPLIT), setup, replace(ticking(), max_trials=2), OPTIONS, lambda *_: None)
        for records in (made_up(), changed, made_up().known_at(SPLIT))
    )
    assert len(others) == 2
    for result in others:
        assert without_times(result.trials) == without_times(original.trials)
        assert (result.rows, result.failures, result.rate_loss) == (
            original.rows,
            original.failures,
            original.rate_loss,
        )
        assert (result.comparison is None) == (original.comparison is None)
        if result.comparison and original.comparison:
            assert result.comparison.chosen[LOSS].value == original.comparison.chosen[LOSS].value


def test_failures_in_too_short_a_time_leave_nothing_to_choose_on() -> None:
    usual = setup_of()
    setup = replace(usual, recipe=replace(usual.recipe, folds=2), min_failures=1)
    week = pl.col("start").is_between(SPLIT - timedelta(days=12), SPLIT - timedelta(days=5))
    crowded = replace(made_up(), events=made_up().events.filter(week))
    with pytest.raises(TooLittleDataError, match="within too short a time"):
        tune(crowded.view(SPLIT), setup, replace(ticking(), max_trials=1), OPTIONS, lambda *_: None)


@cache
def split() -> TuningSplit:
    return TuningSplit.of(trained().training, made_up().view(SPLIT), setup_of().recipe)


def searched(seed: int, max_trials: int) -> tuple[SettingsTrial, ...]:
    """Search with trees that cost next to nothing."""
    recipe = replace(split().recipe, params=replace(split().recipe.params, trees_share=1.0))
    budget = replace(ticking(), max_trials=max_trials)
    return run_trials(split().selection_folds(), recipe, budget, seed, lambda *_: None)


def test_the_same_seed_and_number_of_trials_give_the_same_trials_and_another_seed_others() -> None:
    first, again, other = searched(1, 2), searched(1, 2), searched(2, 2)
    assert first == again
    assert without_times(other)[0] == without_times(first)[0]
    assert other[1].params != first[1].params


def test_every_trial_is_of_its_space() -> None:
    space, trials = search_space(split().recipe.params), searched(1, 2)
    assert (len(space), len(trials)) == (9, 2)
    for trial in trials:
        for name, distribution in space.items():
            value = getattr(trial.params, name)
            assert distribution._contains(distribution.to_internal_repr(value))


def test_a_trial_adds_up_the_losses_of_the_folds() -> None:
    first, folds = searched(1, 1)[0], split().selection_folds()
    recipe = replace(split().recipe, params=first.params)
    losses = [fold.outcomes.losses(fold.scores(recipe)).sum() for fold in folds]
    failures = sum(fold.outcomes.failures.sum() for fold in folds)
    assert first.losses == pytest.approx(np.cumsum(losses) / failures)
    assert first.is_complete


def test_a_trial_that_is_worse_than_most_so_far_is_given_up_and_can_not_be_the_best() -> None:
    trials = searched(1, WARM_UP_TRIALS + 15)
    given_up = [trial for trial in trials if not trial.is_complete]
    assert given_up
    assert min(trial.number for trial in given_up) >= WARM_UP_TRIALS
    assert max(len(trial.losses) for trial in given_up) < len(split().selection_folds())
    assert not set(given_up) & set(ranked(trials))
    assert ranked(trials)[0].losses[-1] == min(trial.losses[-1] for trial in trials if trial.is_complete)


def test_of_equals_the_earlier_comes_first() -> None:
    equals = [SettingsTrial(number, Params(), (2.0, 3.0), is_complete=True, seconds=1.0) for number in range(3)]
    assert [trial.number for trial in ranked(equals)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("now", "deadline", "max_trials", "trials", "is_allowed"),
    [
        (1e9, 0.0, 1, 0, True),  # today's settings are always tried
        (0.0, inf, 2, 1, True),
        (0.0, inf, 2, 2, False),
        (0.0, inf, None, 1_000, True),
        (45.0, 100.0, None, 1, True),  # 10 s for the trial, 40 for the confirmation
        (55.0, 100.0, None, 1, False),
        (55.0, 100.0, 5, 1, False),
    ],
)
def test_a_trial_begins_only_if_there_is_time_for_it_and_for_the_confirmation(
    now: float, deadline: float, max_trials: int | None, trials: int, is_allowed: object
) -> None:
    trial = SettingsTrial(0, Params(), (1.0,), is_complete=True, seconds=10.0)
    assert Budget(lambda: now, deadline, max_trials).allows([trial] * trials) is is_allowed


def test_a_clock_that_jumps_back_ends_at_the_number_of_trials() -> None:
    clock = iter([0.0, 50.0, -50.0, 10.0, -1e6, -1e6, -1e6, -1e6, -1e6])
    budget, first_fold = Budget(lambda: next(clock), 1e3, 2), split().selection_folds()[:1]
    assert len(run_trials(first_fold, split().recipe, budget, 1, lambda *_: None)) == 2


def test_too_few_failures_leave_nothing_to_tune() -> None:
    setup = setup_of(min_failures=trained().failures + 1)
    with pytest.raises(
        TooLittleDataError, match=f"{trained().failures} failures to learn from by 2021-01-31"
    ) as raised:
        tune(made_up().view(SPLIT), setup, ticking(), OPTIONS, lambda *_: None)
    assert "model.min_failures" in raised.value.what
    with pytest.raises(TooLittleDataError, match="no failure"):
        tune(made_up().view(SPLIT - 300 * DAY), setup, ticking(), OPTIONS, lambda *_: None)
