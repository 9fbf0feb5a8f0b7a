"""Judges other learners on the model's own features: `python -m tests.benchmarks.bench_rivals CONFIG START [END]`.

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

from features.grid import to_numpy
from models.backtest.replay import label_cases
from models.evaluation.evaluate import evaluate
from models.hazard import fit
from pipelines.analysis.backtest import run
from pipelines.settings.environment import THREAD_DEFAULTS, set_default_variables
from pipelines.settings.load import load
from tests.benchmarks import gap_times
from tests.benchmarks.gap_times import Lives
from tests.benchmarks.rivals import Ground, learners
from tests.benchmarks.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
MODEL: Final = "model"
SHARE: Final = 0.01
WEEK: Final = 7
SEED: Final = 1
RANK: Final = ("PR-AUC", "model over it", "caught at 1%", "model over it")
LEVEL: Final = ("slope", "o/e of the top 1%", "Brier skill", "fit, times the model's")


def compare(took: Sequence[float], found: Backtest, hindsight: View) -> None:
    """Print how the model, whose fit was the first that took so long, stands to each rival, over a week or a month."""
    replay = found.replay
    horizon = max(days for days in found.evaluations if days <= WEEK or len(found.evaluations) == 1)
    rivals = forecasts(replay, hindsight, horizon)
    scores = {**replay.of_horizon(horizon)[1], **{name: forecast for name, (forecast, _) in rivals.items()}}
    judged = evaluate(label_cases(replay, hindsight, horizon), scores, (SHARE,), found.resampler)
    own = took[0]
    times = {MODEL: 1.0, **{name: seconds / own for name, (_, seconds) in rivals.items()}}
    what = f"{found.dataset}, {horizon:g} days"
    rows, features = replay.trained.training.features.shape
    sys.stdout.write(
        f"{replay.window.start:%Y-%m-%d} to {replay.window.end:%Y-%m-%d}, {judged.models[MODEL].failures} failures; "
        f"{rows:,} training rows of {features} features. The model's own fit, for all its horizons and with its "
        f"calibration, took {own:.0f} s; a rival's is for this horizon alone.\n\n"
    )
    sys.stdout.write(table((what, *RANK), [(name, *_rank(judged, name)) for name in scores]) + "\n")
    sys.stdout.write(table((what, *LEVEL), [(name, *_level(judged, name), _times(times.get(name))) for name in scores]))


def forecasts(replay: Replay, hindsight: View, horizon_days: float) -> Mapping[str, tuple[NDArray[np.float64], float]]:
    """Give each rival's forecast, and the seconds that training and forecasting took."""
    ground = Ground.of(replay, hindsight, horizon_days)
    told = {name: timed(partial(ground.forecast, rival)) for name, rival in learners(SEED).items()}
    if replay.setup.metrics:
        return told
    rows, _ = replay.of_horizon(horizon_days)
    gaps = Lives.of(replay.trained.view, replay.trained.training.rows.names).gaps(to_numpy(replay.window.start))
    asked = Lives.of(hindsight, rows.names).open_gaps(rows)
    for name, model in (("Cox", gap_times.cox), ("Weibull", gap_times.weibull)):
        told[name] = timed(partial(gap_times.forecast, model, gaps, asked, horizon_days))
    return told


def timed(work: Callable[[], _Result]) -> tuple[_Result, float]:
    """Do something, and give what came of it and the seconds that it took."""
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def _rank(judged: Evaluation, name: str) -> tuple[str, ...]:
    return (
        _with_bounds(judged.figure("pr_auc", name), 3),
        "" if name == MODEL else _with_bounds(judged.ratio("pr_auc", MODEL, name)),
        _with_bounds(judged.figure("caught_share", name, SHARE), 3),
        "" if name == MODEL else _with_bounds(judged.ratio("caught_share", MODEL, name, SHARE)),
    )


def _level(judged: Evaluation, name: str) -> tuple[str, ...]:
    return (
        _with_bounds(judged.figure("slope", name)),
        _with_bounds(judged.figure("observed_over_expected", name, SHARE)),
        _with_bounds(judged.figure("brier_skill", name), 3),
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
    """Note how long each fit of a hazard model takes in the block: the model's own comes before `history`'s."""
    own, took = fit.train, list[float]()

    def timing(training: TrainingSet, view: View, recipe: Recipe) -> Fitted:
        fitted, seconds = timed(partial(own, training, view, recipe))
        took.append(seconds)
        return fitted

    fit.train = timing
    try:
        yield took
    finally:
        fit.train = own


def main(config: str, start: str, end: str | None = None) -> None:
    """Replay a window, to the end of the records if none is given, and compare."""
    set_default_variables(THREAD_DEFAULTS)
    with timed_fits() as took:
        run(load(Path(config)), _utc(start), _utc(end) if end else None, keep=False, on_result=partial(compare, took))


def _utc(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


if __name__ == "__main__":
    main(*sys.argv[1:])
