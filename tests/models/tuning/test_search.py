from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import count
from math import inf

import polars as pl
import pytest

from data.errors import TooLittleDataError
from models.setup import Params
from models.tuning.confirmation import LOSS, Question
from models.tuning.search import WARM_UP, Budget, Tried, Tuned, ranked, search, tune
from models.tuning.search_space import space
from models.tuning.validation_folds import Course
from tests.features.fleets import DAY, Fleet
from tests.models.audit.plants import at, clean
from tests.models.audit.plants import setup_of as plain_setup
from tests.models.replays import SPLIT, made_up, setup_of, trained

QUESTION = Question(7.0, 0.05, 1)
END = at(160)
HOPELESS = Params(trees=1, leaves=2, learning_rate=0.01, trees_share=1.0)


def ticking(seconds: float = 1.0) -> Budget:
    """Give a budget without end, and a clock that moves whenever it is asked."""
    ticks = count(0.0, seconds)
    return Budget(lambda: next(ticks))


def tuned(fleet: Fleet, params: Params, trials: int) -> Tuned:
    usual = plain_setup()
    setup = replace(usual, recipe=replace(usual.recipe, folds=1, params=params))
    return tune(fleet.view(END), setup, replace(ticking(), trials=trials), QUESTION, lambda *_: None)


def settings(tried: tuple[Tried, ...]) -> list[tuple[Params, tuple[float, ...]]]:
    return [(one.params, one.losses) for one in tried]


@cache
def hopeful() -> Tuned:
    """Tune settings that learn next to nothing, on nodes that get warm before they fail."""
    return tuned(clean(), HOPELESS, 3)


def test_better_settings_are_found_and_confirmed_on_failures_that_the_search_has_not_seen() -> None:
    told = hopeful()
    assert told.comparison is not None
    assert told.comparison.is_better
    assert told.comparison.gains[LOSS].value == pytest.approx(0.6, abs=0.5)
    assert told.best.number > 0
    assert told.tried[0].losses[-1] == pytest.approx(told.rate_loss, rel=0.01)  # next to nothing


def test_the_first_trial_is_todays_settings() -> None:
    assert hopeful().tried[0].params == replace(HOPELESS, seeds=1)
    assert [one.number for one in hopeful().tried] == [0, 1, 2]
    assert hopeful().failures >= 200


def test_what_was_recorded_after_the_views_time_changes_no_trial() -> None:
    usual = setup_of()
    setup = replace(usual, recipe=replace(usual.recipe, folds=1, params=replace(usual.recipe.params, trees=50)))
    later = pl.col("recorded_at") > SPLIT
    other = replace(
        made_up(),
        events=made_up().events.with_columns(kind=pl.when(later).then(pl.lit("failure")).otherwise("kind")),
        telemetry=made_up().telemetry.with_columns(
            temperature=pl.when(pl.col("available_at") > SPLIT).then(pl.lit(-1e6)).otherwise("temperature")
        ),
    )
    first, *others = (
        tune(fleet.view(SPLIT), setup, replace(ticking(), trials=2), QUESTION, lambda *_: None)
        for fleet in (made_up(), other, made_up().known_at(SPLIT))
    )
    for told in others:
        assert settings(told.tried) == settings(first.tried)
        assert (told.rows, told.failures, told.rate_loss) == (first.rows, first.failures, first.rate_loss)
        assert (told.comparison is None) == (first.comparison is None)
        if told.comparison and first.comparison:
            assert told.comparison.chosen[LOSS].value == first.comparison.chosen[LOSS].value


def test_failures_that_crowd_into_too_short_a_time_leave_nothing_to_choose_on() -> None:
    usual = setup_of()
    setup = replace(usual, recipe=replace(usual.recipe, folds=2), min_failures=1)
    week = pl.col("start").is_between(SPLIT - timedelta(days=12), SPLIT - timedelta(days=5))
    crowded = replace(made_up(), events=made_up().events.filter(week))
    with pytest.raises(TooLittleDataError, match="crowd into too short a time"):
        tune(crowded.view(SPLIT), setup, replace(ticking(), trials=1), QUESTION, lambda *_: None)


@cache
def course() -> Course:
    return Course.of(trained().training, made_up().view(SPLIT), setup_of().recipe)


def tried(seed: int, trials: int) -> tuple[Tried, ...]:
    """Search with trees that cost next to nothing."""
    recipe = replace(course().recipe, params=replace(course().recipe.params, trees_share=1.0))
    return search(course().older(), recipe, replace(ticking(), trials=trials), seed, lambda *_: None)


def test_the_same_seed_and_number_of_trials_give_the_same_trials_and_another_seed_others() -> None:
    first, again, other = tried(1, 2), tried(1, 2), tried(2, 2)
    assert first == again
    assert settings(other)[0] == settings(first)[0]
    assert other[1].params != first[1].params


def test_every_trial_is_of_its_space() -> None:
    ranges = space(course().recipe.params)
    for one in tried(1, 2):
        for name, distribution in ranges.items():
            value = getattr(one.params, name)
            assert distribution._contains(distribution.to_internal_repr(value))


def test_a_trial_adds_up_the_losses_of_the_folds() -> None:
    first, exams = tried(1, 1)[0], course().older()
    recipe = replace(course().recipe, params=first.params)
    lost = [exam.truth.losses(exam.answer(recipe)).sum() for exam in exams]
    failures = sum(exam.truth.failures.sum() for exam in exams)
    assert first.losses == pytest.approx([sum(lost[: at + 1]) / failures for at in range(len(exams))])
    assert first.is_whole


def test_a_trial_that_is_worse_than_most_so_far_is_given_up_and_can_not_be_the_best() -> None:
    found = tried(1, WARM_UP + 15)
    early = [one for one in found if not one.is_whole]
    assert early
    assert all(one.number >= WARM_UP for one in early)
    assert all(len(one.losses) < len(course().older()) for one in early)
    assert not set(early) & set(ranked(found))
    assert ranked(found)[0].losses[-1] == min(one.losses[-1] for one in found if one.is_whole)


def test_of_equals_the_earlier_comes_first() -> None:
    alike = [Tried(number, Params(), (2.0, 3.0), is_whole=True, seconds=1.0) for number in range(3)]
    assert [one.number for one in ranked(alike)] == [0, 1, 2]


def one_that_took(seconds: float) -> Tried:
    return Tried(0, Params(), (1.0,), is_whole=True, seconds=seconds)


@pytest.mark.parametrize(
    ("now", "until", "trials", "before", "is_allowed"),
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
    now: float, until: float, trials: int | None, before: int, is_allowed: object
) -> None:
    assert Budget(lambda: now, until, trials).allows([one_that_took(10.0)] * before) is is_allowed


def test_a_clock_that_jumps_back_ends_at_the_number_of_trials() -> None:
    clock = iter([0.0, 50.0, -50.0, 10.0, -1e6, -1e6, -1e6, -1e6, -1e6])
    recipe = course().recipe
    found = search(course().older()[:1], recipe, Budget(lambda: next(clock), 1e3, 2), 1, lambda *_: None)
    assert len(found) == 2


def test_too_few_failures_leave_nothing_to_tune() -> None:
    setup = setup_of(min_failures=trained().failures + 1)
    with pytest.raises(
        TooLittleDataError, match=f"{trained().failures} failures to learn from by 2021-01-31"
    ) as raised:
        tune(made_up().view(SPLIT), setup, ticking(), QUESTION, lambda *_: None)
    assert "model.min_failures" in raised.value.what
    with pytest.raises(TooLittleDataError, match="no failure"):
        tune(made_up().view(SPLIT - 300 * DAY), setup, ticking(), QUESTION, lambda *_: None)
