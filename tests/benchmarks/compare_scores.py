"""Compares files of scores on one test window by the protocol, every figure with its interval, ratios paired.

`python -m tests.benchmarks.compare_scores examples/m100.toml 2021-07-01 after=after.parquet before=before.parquet`

A file is what `nodeward backtest --scores` writes, of any version. Each figure of the first file's model is divided by
that of every other model, on the same resamples: above 1, the first file's model is better.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from data.durations import format_duration
from data.time_grid import in_hours
from features.grid import to_numpy
from models.evaluation.evaluate import BASELINE, MODEL, AlarmBudgets, evaluate
from models.metrics.bootstrap import draw_resampler
from pipelines.output.estimates import fixed, with_interval
from pipelines.settings.load import load
from serving.formats import alarm_rate
from tests.benchmarks.tables import table
from tests.models.reference import Setting, cases_of, judge, reference_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from models.evaluation.evaluate import Evaluation
    from pipelines.settings.schema import Settings

    Scores = Mapping[str, pd.DataFrame]  # by label of the file

HEADER: Final = (
    "model",
    "PR-AUC",
    "caught",
    "precision",
    "skill",
    "obs/exp",
    "PR-AUC: first / this",
    "caught: first / this",
)
SEED: Final = 1


def main(config: str, start: str, *files: str) -> None:
    """Print a table for each horizon of the settings."""
    settings = load(Path(config), ())
    scores = {label: pd.read_parquet(path) for label, _, path in (file.partition("=") for file in files)}
    for evaluated, text in compare(settings, datetime.fromisoformat(start).replace(tzinfo=UTC), scores):
        sys.stdout.write(f"\n{evaluated}\n\n{text}")


def compare(settings: Settings, start: datetime, scores: Scores) -> Iterator[tuple[str, str]]:
    """Yield, for each horizon, what was evaluated and a table of every model of every file."""
    forecast, folder = settings.forecast, settings.source.path
    end = judge.load(folder, "events").recorded_at.max()
    setting = Setting(
        folder,
        start,
        pd.Timestamp(int(end), unit="us", tz="UTC").floor("D").to_pydatetime(),
        forecast.every,
        coverage=forecast.coverage_metric or None,
        repeat=forecast.repeat,
    )
    budgets = AlarmBudgets(forecast.alarm_shares, forecast.alarm_rates)
    for horizon in forecast.horizons:
        of_horizon = replace(setting, horizon=horizon)
        rows = reference_rows(of_horizon)
        cases = cases_of(of_horizon, rows)
        resampler = draw_resampler(cases.names, to_numpy(start), to_numpy(setting.end), np.random.default_rng(SEED))
        evaluation = evaluate(cases, dict(_models(scores, rows.table, in_hours(horizon))), budgets, resampler)
        base_rate = evaluation.figure("base_rate", BASELINE).value
        kept = np.count_nonzero(cases.is_kept)
        alarms = alarm_rate(budgets.headline_rate)
        what = f"{format_duration(horizon)} ahead, {alarms}, {kept:,} rows: {base_rate:.4f} fail"
        yield what, table(HEADER, _rows(evaluation, budgets.headline_rate))


def _models(scores: Scores, rows: pd.DataFrame, hours: float) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Yield the probabilities of every model of every file in the order of the rows.

    The first file's base rate keeps its name: Brier's skill is over it.
    """
    first = next(iter(scores))
    for label, frame in scores.items():
        of_frame = frame["horizon_hours"] if "horizon_hours" in frame else 24 * frame["horizon_days"]
        for model, part in frame[of_frame == hours].groupby("model", sort=False, observed=True):
            joined = rows[["node", "ts"]].merge(part, on=["node", "ts"], how="left", validate="one_to_one")
            is_baseline = (label, model) == (first, BASELINE)
            yield BASELINE if is_baseline else f"{label}: {model}", joined["probability"].to_numpy()


def _rows(evaluation: Evaluation, rate: float) -> Iterator[tuple[str, ...]]:
    first = next(name for name in evaluation.models if name.endswith(f": {MODEL}"))
    for model in evaluation.models:
        compared = (
            evaluation.ratio("pr_auc", first, model),
            evaluation.ratio("caught_share", first, model, rate=rate),
        )
        yield (
            model,
            with_interval(evaluation.figure("pr_auc", model), fixed(3)),
            with_interval(evaluation.figure("caught_share", model, rate=rate), fixed(3)),
            with_interval(evaluation.figure("precision", model, rate=rate), fixed(3)),
            with_interval(evaluation.figure("brier_skill", model), fixed(3)),
            with_interval(evaluation.figure("observed_over_expected", model), fixed(2)),
            *("" if model == first else with_interval(ratio, fixed(2)) for ratio in compared),
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
