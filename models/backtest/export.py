"""Writes a backtest for other programs: its figures as JSON, its scores as Parquet."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from data.time_grid import in_days, in_hours
from features.grid import to_numpy
from models.evaluation.evaluate import MODEL, RANKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import timedelta
    from pathlib import Path

    from models.backtest.result import Backtest
    from models.evaluation.evaluate import Evaluation
    from models.metrics.estimate import Estimate

PROTOCOL = 2
SCHEMA = pa.schema(
    [
        ("node", pa.string()),
        ("ts", pa.timestamp("us", tz="UTC")),
        ("horizon_hours", pa.float64()),
        ("model", pa.string()),
        ("probability", pa.float64()),
    ]
)


def to_json(backtest: Backtest) -> dict[str, object]:
    """Return the figures of the protocol, ready for JSON."""
    replay, design = backtest.replay, backtest.replay.setup.design
    by_model = _by_model(backtest.evaluations)
    return {
        "protocol": PROTOCOL,
        "dataset": backtest.dataset,
        "every_hours": in_hours(design.every),
        "repeat_hours": {_hours(horizon): in_hours(design.repeat_within(horizon)) for horizon in design.horizons},
        "test": {
            "start": replay.window.start.isoformat(),
            "end": replay.window.end.isoformat(),
            "nodes": len(np.unique(replay.rows.node)),
            "node_days": round(len(replay.rows) * in_days(replay.setup.design.every)),
            "failures": backtest.failures,
            "unknown": int(replay.risk.unknown[:, replay.risk.cutoffs >= to_numpy(replay.window.start)].sum()),
            "dropped": backtest.dropped,
        },
        "base_strength": replay.trained.model.base_strength,
        "trees_share": replay.trained.model.trees_share,
        MODEL: by_model.pop(MODEL),
        "baselines": by_model,
        "ratios": ratios(backtest.evaluations),
        "slices": {"horizons": {_hours(horizon): slicing.to_json() for horizon, slicing in backtest.slicings.items()}},
        "causes": _causes(backtest),
        "notices": list(backtest.notices),
        "seconds": round(backtest.seconds, 1),
        "peak_rss_mb": round(backtest.peak_rss_mb),
    }


def _causes(backtest: Backtest) -> dict[str, object]:
    """Return how right the forecast causes of failures were, by horizon; empty if no cause was forecast."""
    evaluations = {horizon: backtest.evaluate_causes(horizon) for horizon in backtest.evaluations}
    horizons = {
        _hours(horizon): evaluation.to_json() for horizon, evaluation in evaluations.items() if evaluation is not None
    }
    causes = backtest.replay.causes
    return {} if causes is None else {"summary": causes.model.summary, "horizons": horizons}


def _hours(horizon: timedelta) -> str:
    """Return a horizon as a key of JSON: hours as a decimal number."""
    return f"{in_hours(horizon):g}"


def _by_model(evaluations: dict[timedelta, Evaluation]) -> dict[str, dict[str, dict[str, object]]]:
    by_model: dict[str, dict[str, dict[str, object]]] = {}
    for horizon, evaluation in evaluations.items():
        for name, measures in evaluation.to_json().items():
            by_model.setdefault(name, {"horizons": {}})["horizons"][_hours(horizon)] = measures
    return by_model


def ratios(evaluations: dict[timedelta, Evaluation]) -> dict[str, dict[str, dict[str, object]]]:
    """Divide the model's figures by each baseline's, with paired intervals; above 1 the model is better."""
    by_baseline: dict[str, dict[str, dict[str, object]]] = {}
    for horizon, evaluation in evaluations.items():
        for baseline in evaluation.models:
            if baseline != MODEL:
                horizons = by_baseline.setdefault(baseline, {"horizons": {}})["horizons"]
                horizons[_hours(horizon)] = _ratios(evaluation, baseline)
    return by_baseline


def _ratios(evaluation: Evaluation, baseline: str) -> dict[str, object]:
    """Divide what a site chooses a model by: its ranking over all rows, and what its alarms catch at each budget."""
    model, compare = evaluation.models[MODEL], partial(evaluation.ratio, model=MODEL, baseline=baseline)
    budgets = [
        {"alarm_share": share, **_compared(measures, partial(compare, share=share))}
        for share, measures in model.budgets.items()
    ]
    episode_budgets = [
        {"alarms_per_node_day": rate, **_compared(measures, partial(compare, rate=rate))}
        for rate, measures in model.episode_budgets.items()
    ]
    ranking = evaluation.ratio(RANKING, MODEL, baseline).to_json()
    return {RANKING: ranking, "budgets": budgets, "episode_budgets": episode_budgets}


def _compared(measures: Iterable[str], ratio: Callable[[str], Estimate]) -> dict[str, object]:
    return {name: ratio(name).to_json() for name in measures if _is_compared(name)}


def _is_compared(measure: str) -> bool:
    return measure == "precision" or measure.startswith("caught_share")


def write_scores(backtest: Backtest, path: Path) -> None:
    """Write one row for each node at risk, horizon and model as Parquet."""
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for table in score_tables(backtest):
            writer.write_table(table)


def score_tables(backtest: Backtest) -> Iterator[pa.Table]:
    """Yield one row for each node at risk, a table for each horizon and model, with the columns of SCHEMA."""
    for horizon in backtest.evaluations:
        rows, probabilities = backtest.replay.of_horizon(horizon)
        node = pa.array(pl.Series(rows.names).gather(rows.node).to_arrow(), type=pa.string())
        ts = pa.array(rows.ts.astype("datetime64[us]"), type=pa.timestamp("us", tz="UTC"))
        for name, probability in probabilities.items():
            columns = [
                node,
                ts,
                pa.repeat(in_hours(horizon), len(rows)),
                pa.repeat(name, len(rows)),
                pa.array(probability),
            ]
            yield pa.table(columns, schema=SCHEMA)
