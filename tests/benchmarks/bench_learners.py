"""Evaluates other learners on the model's features: `python -m tests.benchmarks.bench_learners CONFIG START [END]`.

All in one run, on the same rows and resamples; ratios with paired 95% intervals. Needs the extra `bench`.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from data.durations import format_duration
from data.time_grid import DAY, in_days
from features.grid import to_numpy
from models.backtest.replay import label_cases
from models.evaluation.evaluate import MODEL, AlarmBudgets, evaluate
from models.hazard import fit
from pipelines.analysis.backtest import run
from pipelines.settings.environment import THREAD_DEFAULTS, set_default_variables
from pipelines.settings.load import load
from tests.benchmarks import gap_times
from tests.benchmarks.gap_times import NodeLives
from tests.benchmarks.learners import LearnerData, all_learners
from tests.benchmarks.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import timedelta

    import numpy as np
    from numpy.typing import NDArray

    from data.view import View
    from features.training.training_set import TrainingSet
    from models.backtest.replay import Replay
    from models.backtest.result import Backtest
    from models.evaluation.evaluate import Evaluation
    from models.hazard.fit import Fitted
    from models.metrics.estimate import Estimate
    from models.setup import Recipe

_Result = TypeVar("_Result")
SHARE: Final = 0.01
WEEK: Final = 7 * DAY
BUDGETS: Final = AlarmBudgets((SHARE,), ())
SEED: Final = 1
RANKING_COLUMNS: Final = ("PR-AUC", "model over it", "caught at 1%", "model over it")
LEVEL_COLUMNS: Final = ("slope", "o/e of the top 1%", "Brier skill", "fit, times the model's")


def compare(fit_seconds: Sequence[float], backtest: Backtest, hindsight: View) -> None:
    """Print how the model compares with each learner over a week or a month; the first fit was the model's own."""
    replay = backtest.replay
    horizon = max(each for each in backtest.evaluations if each <= WEEK or len(backtest.evaluations) == 1)
    timed_forecasts = forecasts(replay, hindsight, horizon)
    probabilities = replay.of_horizon(horizon)[1] | {name: values for name, (values, _) in timed_forecasts.items()}
    cases = label_cases(replay, hindsight, horizon)
    evaluation = evaluate(cases, probabilities, BUDGETS, backtest.resampler)
    model_seconds = fit_seconds[0]
    times = {MODEL: 1.0} | {name: seconds / model_seconds for name, (_, seconds) in timed_forecasts.items()}
    title = f"{backtest.dataset}, {format_duration(horizon)}"
    rows, features = replay.trained.training.features.shape
    sys.stdout.write(
        f"{replay.window.start:%Y-%m-%d} to {replay.window.end:%Y-%m-%d}, {evaluation.models[MODEL].failures} "
        f"failures; {rows:,} training rows of {features} features. The model's own fit, for all its horizons and with "
        f"its calibration, took {model_seconds:.0f} s; another learner's is for this horizon alone.\n\n"
    )
    ranking = [(name, *_ranking(evaluation, name)) for name in probabilities]
    level = [(name, *_level(evaluation, name), _times(times.get(name))) for name in probabilities]
    sys.stdout.write(table((title, *RANKING_COLUMNS), ranking) + "\n")
    sys.stdout.write(table((title, *LEVEL_COLUMNS), level))


def forecasts(replay: Replay, hindsight: View, horizon: timedelta) -> Mapping[str, tuple[NDArray[np.float64], float]]:
    """Return each learner's forecast, and the seconds that training and forecasting took."""
    data = LearnerData.of(replay, hindsight, horizon)
    by_name = {name: timed(partial(data.forecast, learner)) for name, learner in all_learners(SEED).items()}
    if replay.setup.metrics:
        return by_name
    rows, _ = replay.of_horizon(horizon)
    names = replay.trained.training.rows.names
    gaps = NodeLives.of(replay.trained.view, names).gaps(to_numpy(replay.window.start))
    open_gaps = NodeLives.of(hindsight, rows.names).open_gaps(rows)
    for name, model in (("Cox", gap_times.cox), ("Weibull", gap_times.weibull)):
        by_name[name] = timed(partial(gap_times.forecast, model, gaps, open_gaps, in_days(horizon)))
    return by_name


def timed(work: Callable[[], _Result]) -> tuple[_Result, float]:
    """Call a function; return its result and the seconds that it took."""
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def _ranking(evaluation: Evaluation, name: str) -> tuple[str, ...]:
    return (
        _with_bounds(evaluation.figure("pr_auc", name), 3),
        "" if name == MODEL else _with_bounds(evaluation.ratio("pr_auc", MODEL, name)),
        _with_bounds(evaluation.figure("caught_share", name, share=SHARE), 3),
        "" if name == MODEL else _with_bounds(evaluation.ratio("caught_share", MODEL, name, share=SHARE)),
    )


def _level(evaluation: Evaluation, name: str) -> tuple[str, ...]:
    return (
        _with_bounds(evaluation.figure("slope", name)),
        _with_bounds(evaluation.figure("observed_over_expected", name, share=SHARE)),
        _with_bounds(evaluation.figure("brier_skill", name), 3),
    )


def _with_bounds(figure: Estimate, digits: int = 2) -> str:
    low, high = figure.bounds()
    if figure.value is None:
        return "–"
    bounds = "" if low is None or high is None else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{figure.value:.{digits}f}{bounds}"


def _times(times: float | None) -> str:
    return "" if times is None else f"{times:.2f}"


@contextmanager
def timed_fits() -> Iterator[list[float]]:
    """Collect the seconds of each fit of a hazard model in the block: the model's own comes before `history`'s."""
    train, fit_seconds = fit.train, list[float]()

    def timed_train(training: TrainingSet, view: View, recipe: Recipe) -> Fitted:
        fitted, seconds = timed(partial(train, training, view, recipe))
        fit_seconds.append(seconds)
        return fitted

    fit.train = timed_train
    try:
        yield fit_seconds
    finally:
        fit.train = train


def main(config: str, start: str, end: str | None = None) -> None:
    """Replay a window, to the end of the records if none is given, and compare."""
    set_default_variables(THREAD_DEFAULTS)
    with timed_fits() as fit_seconds:
        run(
            load(Path(config)),
            _utc(start),
            _utc(end) if end else None,
            keep=False,
            on_result=partial(compare, fit_seconds),
        )


def _utc(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


if __name__ == "__main__":
    main(*sys.argv[1:])
