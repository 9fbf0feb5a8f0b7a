"""Tunes the model's settings for a fleet, and reports which of them, if any, are worth changing."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from models.evaluation.evaluate import middle
from models.registry.runs import SearchRun
from models.tuning.confirmation import CAUGHT, LOSS, PRECISION, TuningOptions
from models.tuning.search import Budget, TuningResult, ranked, tune
from models.tuning.search_space import differences, tuned_values
from pipelines.output.json_files import HORIZON, to_json
from pipelines.output.progress import progress_bars
from pipelines.wiring import wiring
from pipelines.wiring.as_of import cutoff, staleness_warnings
from pipelines.wiring.training_setup import hindsight_view, training_setup

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from models.tuning.confirmation import SettingsComparison
    from pipelines.settings.schema import Settings

NAMES: Final = {LOSS: "log-likelihood", PRECISION: "average precision", CAUGHT: "share of failures caught"}
MINUTE: Final = 60.0


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """How long to search: total minutes, a number of trials, or both; and the seed of the search."""

    minutes: float | None
    trials: int | None
    seed: int


@dataclass(frozen=True, slots=True)
class TrialReport:
    """Settings that were tried, as far as they differ from today's, and their log-loss on the older folds."""

    number: int
    log_loss: float
    settings: dict[str, float]


@dataclass(frozen=True, slots=True)
class ConfirmedFigure:
    """One figure on the newer folds: with today's settings, with the chosen ones, and how much better these are."""

    now: float | None
    chosen: float | None
    better_by: float | None  # above 0 is better, whatever the figure; the interval is paired, 95%
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class TuneReport:
    """What was tried on which records, the outcome, and what to change; the settings themselves are not changed."""

    fleet: str
    known_until: datetime
    chosen_from: datetime
    confirmed_from: datetime
    failures: int
    rows: int
    horizon: timedelta = field(metadata=HORIZON)
    alarm_share: float
    seconds: float
    tried: int
    given_up_early: int
    rate_log_loss: float  # of the fleet's failure rate alone
    today: dict[str, float]
    trials: tuple[TrialReport, ...]  # those evaluated on every fold, today's settings included, the best first
    confirmation: dict[str, ConfirmedFigure]  # empty: there was nothing to confirm
    confirmed_on: int  # failures
    verdict: str
    recommended: dict[str, float]  # empty: keep today's settings
    notices: tuple[str, ...] = ()

    @property
    def now(self) -> TrialReport:
        """Today's settings as they were tried: the first trial, which is evaluated on every fold."""
        return next(trial for trial in self.trials if trial.number == 0)


def search(settings: Settings, until: datetime | None, limits: SearchLimits) -> TuneReport:
    """Tune on what was known at a time (default: now).

    Raises:
        EmptyTableError: if the state holds no records.
        TooLittleDataError: if it holds too few failures to tune on.
        SettingsError: if the time is in the future.
    """
    began = time.monotonic()
    deadline = float("inf") if limits.minutes is None else began + limits.minutes * MINUTE
    with wiring.records(settings) as records, progress_bars() as progress:
        store = wiring.store(settings)
        when = cutoff(settings, records, until)
        notices = staleness_warnings(settings, store, records, when)
        setup = training_setup(settings, store.telemetry.metrics())
        options = _tuning_options(settings, limits.seed)
        budget = Budget(time.monotonic, deadline, limits.trials)
        result = tune(hindsight_view(store, records).narrow(when), setup, budget, options, progress)
    return _report(settings, result, options, time.monotonic() - began, notices)


def track(settings: Settings, report: TuneReport) -> str:
    """Record the search in MLflow, and return the id of its run."""
    gains = {f"{name}_better_by": figure.better_by for name, figure in report.confirmation.items()}
    losses = {"log_loss_today": report.now.log_loss, "log_loss_best": report.trials[0].log_loss}
    run = SearchRun(
        title=f"{report.fleet} by {report.known_until:%Y-%m-%d %H:%M}",
        description=report.verdict,
        params={**report.today, **{f"recommended.{name}": value for name, value in report.recommended.items()}},
        metrics={name: value for name, value in {**losses, **gains}.items() if value is not None},
        report=json.dumps(to_json(report), indent=1, allow_nan=False, ensure_ascii=False),
    )
    return wiring.registry(settings).log_search(run)


def _tuning_options(settings: Settings, seed: int) -> TuningOptions:
    """Confirm at the horizon nearest to the one that decisions use, and at the middle alarm share."""
    return TuningOptions(settings.policy.horizon, middle(settings.forecast.alarm_shares), seed)


def _report(
    settings: Settings, result: TuningResult, options: TuningOptions, seconds: float, notices: tuple[str, ...]
) -> TuneReport:
    split, comparison, today = result.split, result.comparison, result.split.recipe.params
    trials = tuple(
        TrialReport(trial.number, trial.losses[-1], differences(today, trial.params)) for trial in ranked(result.trials)
    )
    is_better = comparison is not None and comparison.is_better
    return TuneReport(
        fleet=settings.fleet.name,
        known_until=split.view.at,
        chosen_from=split.selection_start,
        confirmed_from=split.confirmation_start,
        failures=result.failures,
        rows=result.rows,
        horizon=options.horizon,
        alarm_share=options.alarm_share,
        seconds=seconds,
        tried=len(result.trials),
        given_up_early=len(result.trials) - len(trials),
        rate_log_loss=result.rate_loss,
        today=tuned_values(today),
        trials=trials,
        confirmation=_confirmation(comparison) if comparison else {},
        confirmed_on=comparison.failures if comparison else 0,
        verdict=verdict(result),
        recommended=differences(today, result.best.params) if is_better else {},
        notices=notices,
    )


def _confirmation(comparison: SettingsComparison) -> dict[str, ConfirmedFigure]:
    return {
        name: ConfirmedFigure(comparison.today[name].value, comparison.chosen[name].value, gain.value, *gain.bounds())
        for name, gain in comparison.gains.items()
    }


def verdict(result: TuningResult) -> str:
    """Return whether to change anything, and why."""
    best, comparison, others = result.best.number, result.comparison, len(result.trials) - 1
    if not others:
        return "Keep today's settings: there was no time to try any others. Give more --minutes."
    if comparison is None:
        return f"Keep today's settings: none of {others} others was better even on the failures that the search used."
    if comparison.is_better:
        return f"Trial {best} is better than today's settings, beyond chance, on failures that the search did not use."
    if comparison.gains[LOSS].draws is None:
        return f"Keep today's settings: {comparison.failures} failures are too few to confirm trial {best}."
    if comparison.worse:
        worse = " and ".join(NAMES[name] for name in comparison.worse)
        return f"Keep today's settings: with trial {best} the {worse} fell on failures that the search did not use."
    return (
        f"Keep today's settings: trial {best}, the best of {others} others, was no better than chance on failures "
        "that the search did not use."
    )


def settings_snippet(recommended: dict[str, float]) -> str:
    """Return settings as lines of the settings file."""
    return "\n".join(["[model]", *(f"{name} = {value!r}" for name, value in recommended.items())])
