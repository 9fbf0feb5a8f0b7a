"""Searches for better settings of the model, and believes them only on failures that the search has not seen.

The later half of the failures is cut into folds as calibration does. Optuna's tree-structured Parzen estimator
(Bergstra et al. 2011) chooses on the older folds; what it chose then meets today's settings on the newer ones, once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Final

import optuna
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.trial import TrialState

from data.errors import TooLittleDataError
from models.hazard.train import count_failures, gather_training_set
from models.tuning.confirmation import Question, SettingsComparison, compare
from models.tuning.search_space import changed, given, space
from models.tuning.validation_folds import Course, Exam, Floats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna import Trial

    from data.view import View
    from models.setup import Params, Recipe, Setup

    Progress = Callable[[str, int, int], None]  # stage, done, and of how many; 0: not known

WARM_UP: Final = 8  # trials that sit every exam, before any is given up early
CONFIRMING: Final = 4.0  # the newer folds cost so many trials: they sit two settings, and have more to learn from


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop: by a clock (seconds), after a number of trials, or both; the clock is asked between trials."""

    clock: Callable[[], float]
    until: float = inf
    trials: int | None = None

    def allows(self, tried: Sequence[Tried]) -> bool:
        """Tell whether there is room for one more trial and for the confirmation after it; for the first there is."""
        if not tried:
            return True
        if self.trials is not None and len(tried) >= self.trials:
            return False
        usual = sum(one.seconds for one in tried) / len(tried)
        return self.clock() + usual + CONFIRMING * tried[0].seconds < self.until


@dataclass(frozen=True, slots=True)
class Tried:
    """Settings that were tried, and their log-loss summed over the folds, after each: nats a failure of all folds."""

    number: int
    params: Params
    losses: tuple[float, ...]
    is_whole: bool  # not given up early
    seconds: float


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was tried, and what became of the best of it."""

    course: Course
    failures: int  # to learn from
    rows: int
    rate_loss: float  # log-loss of the fleet's rate alone, on the older folds
    tried: tuple[Tried, ...]
    comparison: SettingsComparison | None = None  # None: nothing was better than today's settings on the older folds

    @property
    def best(self) -> Tried:
        """Give the best trial on the older folds; the first of equals, so today's settings first."""
        return ranked(self.tried)[0]


def tune(view: View, setup: Setup, budget: Budget, question: Question, progress: Progress) -> Tuned:
    """Search within a budget for better settings than the setup's, by what the view knows and no more.

    Raises:
        TooLittleDataError: if there are too few failures to learn from, or to be cut in two.
    """
    progress("features", 0, 0)
    _, _, training = gather_training_set(view, setup)
    failures = count_failures(training, view)
    _require_failures(failures, setup, view)
    course = Course.of(training, view, setup.recipe)
    progress("folds", 0, 0)
    exams = course.older()
    if not exams:
        raise TooLittleDataError(
            f"no failure was known at the start of any fold before {course.confirmed_from:%Y-%m-%d %H:%M} UTC: "
            "failures crowd into too short a time to choose settings on",
            fix="tune when failures are spread over a longer time",
        )
    tried = search(exams, course.recipe, budget, question.seed, progress)
    told = Tuned(course, failures, len(training.rows), sum(_loss(exam, 0.0, exams) for exam in exams), tried)
    if told.best.number == 0:
        return told
    exams.clear()
    progress("confirmation", 0, 0)
    return replace(told, comparison=compare(course, told.best.params, question))


def ranked(tried: Sequence[Tried]) -> list[Tried]:
    """Put the trials that sat every exam in order, the best first."""
    return sorted((one for one in tried if one.is_whole), key=lambda one: one.losses[-1])


def search(exams: Sequence[Exam], recipe: Recipe, budget: Budget, seed: int, progress: Progress) -> tuple[Tried, ...]:
    """Try today's settings, then what the sampler proposes; the same seed and number of trials give the same trials."""
    optuna.logging.disable_default_handler()  # what it logs goes where others' logs go
    optuna.logging.enable_propagation()
    study = optuna.create_study(sampler=TPESampler(seed=seed), pruner=MedianPruner(n_startup_trials=WARM_UP))
    study.enqueue_trial(given(recipe.params))
    ranges, tried = space(recipe.params), list[Tried]()
    while budget.allows(tried):
        progress("trials", len(tried), budget.trials or 0)
        trial = study.ask(ranges)
        one = _attempt(trial, exams, recipe, budget.clock)
        study.tell(trial, one.losses[-1] if one.is_whole else None, None if one.is_whole else TrialState.PRUNED)
        tried.append(one)
    return tuple(tried)


def _attempt(trial: Trial, exams: Sequence[Exam], recipe: Recipe, clock: Callable[[], float]) -> Tried:
    """Sit the exams in order, up to the one after which the trial is worse than half of those before it."""
    began, params, losses = clock(), changed(recipe.params, trial.params), list[float]()
    for step, exam in enumerate(exams):
        answer = exam.answer(replace(recipe, params=params))
        losses.append(_loss(exam, answer, exams) + (losses[-1] if losses else 0.0))
        trial.report(losses[-1], step)
        if step + 1 < len(exams) and trial.should_prune():
            return Tried(trial.number, params, tuple(losses), is_whole=False, seconds=clock() - began)
    return Tried(trial.number, params, tuple(losses), is_whole=True, seconds=clock() - began)


def _loss(exam: Exam, score: Floats | float, exams: Sequence[Exam]) -> float:
    """Give what one exam adds to the log-loss a failure of all of them."""
    return float(exam.truth.losses(score).sum() / sum(one.truth.failures.sum() for one in exams))


def _require_failures(failures: int, setup: Setup, view: View) -> None:
    if failures < setup.min_failures:
        raise TooLittleDataError(
            f"{failures} failures to learn from by {view.at:%Y-%m-%d %H:%M} UTC; a model of its own, which is what "
            f"there is to tune, needs {setup.min_failures} (model.min_failures)",
            fix="tune when there are more",
        )
