"""Searches for better settings of the model, and accepts them only if failures outside the search confirm them.

The later half of the failures is cut into folds as calibration does. Optuna's tree-structured Parzen estimator
(Bergstra et al. 2011) chooses on the older folds; its choice is then compared with today's settings on the newer ones,
once.
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
from models.tuning.confirmation import SettingsComparison, TuningOptions, compare
from models.tuning.search_space import search_space, tuned_values, with_values
from models.tuning.validation_folds import Floats, TuningSplit, ValidationFold

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from data.view import View
    from models.setup import Params, Recipe, Setup

    Progress = Callable[[str, int, int], None]  # stage, done, and of how many; 0: unknown

WARM_UP_TRIALS: Final = 8  # that are scored on every fold, before any is given up early
CONFIRMATION_TRIALS: Final = 4.0  # whose time the newer folds take: two settings, and more data to learn from


@dataclass(frozen=True, slots=True)
class Budget:
    """When to stop: at a time of the clock (seconds), after a number of trials, or both; checked between trials."""

    clock: Callable[[], float]
    deadline: float = inf
    max_trials: int | None = None

    def allows(self, trials: Sequence[SettingsTrial]) -> bool:
        """Return whether there is time for another trial and the confirmation after it; the first is always allowed."""
        if not trials:
            return True
        if self.max_trials is not None and len(trials) >= self.max_trials:
            return False
        mean_seconds = sum(trial.seconds for trial in trials) / len(trials)
        return self.clock() + mean_seconds + CONFIRMATION_TRIALS * trials[0].seconds < self.deadline


@dataclass(frozen=True, slots=True)
class SettingsTrial:
    """Settings, and their log-loss summed over the folds, after each fold: nats per failure of all folds."""

    number: int
    params: Params
    losses: tuple[float, ...]
    is_complete: bool  # not given up early
    seconds: float


@dataclass(frozen=True, slots=True)
class TuningResult:
    """The trials of a search, and the comparison of the best one with today's settings."""

    split: TuningSplit
    failures: int  # to learn from
    rows: int
    rate_loss: float  # log-loss of the fleet's rate alone, on the older folds
    trials: tuple[SettingsTrial, ...]
    comparison: SettingsComparison | None = None  # None: no trial was better than today's settings on the older folds

    @property
    def best(self) -> SettingsTrial:
        """The best trial on the older folds; the first of equals, so today's settings first."""
        return ranked(self.trials)[0]


def tune(view: View, setup: Setup, budget: Budget, options: TuningOptions, progress: Progress) -> TuningResult:
    """Search within a budget for better settings than the setup's, from what the view knows and no more.

    Raises:
        TooLittleDataError: if there are too few failures to learn from, or to be cut in two.
    """
    progress("features", 0, 0)
    _, _, training = gather_training_set(view, setup)
    failures = count_failures(training, view)
    _require_failures(failures, setup, view)
    split = TuningSplit.of(training, view, setup.recipe)
    progress("folds", 0, 0)
    folds = split.selection_folds()
    if not folds:
        raise TooLittleDataError(
            f"no failure was known at the start of any fold before {split.confirmation_start:%Y-%m-%d %H:%M} UTC: "
            "the failures are within too short a time to choose settings on them",
            fix="tune when failures are spread over a longer time",
        )
    trials = run_trials(folds, split.recipe, budget, options.seed, progress)
    rate_loss = sum(_loss(fold, 0.0, folds) for fold in folds)
    result = TuningResult(split, failures, len(training.rows), rate_loss, trials)
    if result.best.number == 0:
        return result
    folds.clear()  # their memory, before the newer folds need some
    progress("confirmation", 0, 0)
    return replace(result, comparison=compare(split, result.best.params, options))


def ranked(trials: Sequence[SettingsTrial]) -> list[SettingsTrial]:
    """Sort the trials that were scored on every fold, the best first."""
    return sorted((trial for trial in trials if trial.is_complete), key=lambda trial: trial.losses[-1])


def run_trials(
    folds: Sequence[ValidationFold], recipe: Recipe, budget: Budget, seed: int, progress: Progress
) -> tuple[SettingsTrial, ...]:
    """Try today's settings, then what the sampler proposes; the same seed and number of trials give the same trials."""
    optuna.logging.disable_default_handler()  # its messages go to the root logger instead
    optuna.logging.enable_propagation()
    study = optuna.create_study(sampler=TPESampler(seed=seed), pruner=MedianPruner(n_startup_trials=WARM_UP_TRIALS))
    study.enqueue_trial(tuned_values(recipe.params))
    space, trials = search_space(recipe.params), list[SettingsTrial]()
    while budget.allows(trials):
        progress("trials", len(trials), budget.max_trials or 0)
        proposal = study.ask(space)
        trial = _run_trial(proposal, folds, recipe, budget.clock)
        if trial.is_complete:
            study.tell(proposal, trial.losses[-1])
        else:
            study.tell(proposal, state=TrialState.PRUNED)
        trials.append(trial)
    return tuple(trials)


def _run_trial(
    proposal: optuna.Trial, folds: Sequence[ValidationFold], recipe: Recipe, clock: Callable[[], float]
) -> SettingsTrial:
    """Score settings fold by fold; stop after a fold where they are worse than half of the trials before them."""
    began, params, losses = clock(), with_values(recipe.params, proposal.params), list[float]()
    for step, fold in enumerate(folds):
        scores = fold.scores(replace(recipe, params=params))
        losses.append(_loss(fold, scores, folds) + (losses[-1] if losses else 0.0))
        proposal.report(losses[-1], step)
        if step + 1 < len(folds) and proposal.should_prune():
            return SettingsTrial(proposal.number, params, tuple(losses), is_complete=False, seconds=clock() - began)
    return SettingsTrial(proposal.number, params, tuple(losses), is_complete=True, seconds=clock() - began)


def _loss(fold: ValidationFold, score: Floats | float, folds: Sequence[ValidationFold]) -> float:
    """Compute one fold's share of the log-loss per failure of all folds."""
    return float(fold.outcomes.losses(score).sum() / sum(each.outcomes.failures.sum() for each in folds))


def _require_failures(failures: int, setup: Setup, view: View) -> None:
    if failures < setup.min_failures:
        raise TooLittleDataError(
            f"{failures} failures to learn from by {view.at:%Y-%m-%d %H:%M} UTC; a model, and so its tuning, needs "
            f"{setup.min_failures} (model.min_failures)",
            fix="tune when there are more",
        )
