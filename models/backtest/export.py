"""Writes a backtest for other programs: its figures as JSON, its scores as Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from features.grid import to_numpy
from models.evaluation.evaluate import MODEL, RANKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from models.backtest.result import Backtest
    from models.evaluation.evaluate import Evaluation

PROTOCOL = 1
SCHEMA = pa.schema(
    [
        ("node", pa.string()),
        ("ts", pa.timestamp("us", tz="UTC")),
        ("horizon_days", pa.int64()),
        ("model", pa.string()),
        ("probability", pa.float64()),
    ]
)


def to_json(backtest: Backtest) -> dict[str, object]:
    """Return the figures of the protocol, ready for JSON."""
    replay = backtest.replay
    by_model = _by_model(backtest.evaluations)
    return {
        "protocol": PROTOCOL,
        "dataset": backtest.dataset,
        "test": {
            "start": replay.window.start.isoformat(),
            "end": replay.window.end.isoformat(),
            "nodes": len(np.unique(replay.rows.node)),
            "node_days": int(len(replay.rows) * replay.setup.design.every_days),
            "failures": backtest.failures,
            "unknown": int(replay.risk.unknown[:, replay.risk.cutoffs >= to_numpy(replay.window.start)].sum()),
            "dropped": backtest.dropped,
        },
        MODEL: by_model.pop(MODEL),
        "baselines": by_model,
        "ratios": ratios(backtest.evaluations),
        "slices": {"horizons": {f"{days:.0f}": slicing.to_json() for days, slicing in backtest.slicings.items()}},
        "causes": _causes(backtest),
        "notices": list(backtest.notices),
        "seconds": round(backtest.seconds, 1),
        "peak_rss_mb": round(backtest.peak_rss_mb),
    }


def _causes(backtest: Backtest) -> dict[str, object]:
    """Return how right the forecast causes of failures were, by horizon; empty if no cause was forecast."""
    evaluations = {days: backtest.evaluate_causes(days) for days in backtest.evaluations}
    horizons = {
        f"{days:.0f}": evaluation.to_json() for days, evaluation in evaluations.items() if evaluation is not None
    }
    causes = backtest.replay.causes
    return {} if causes is None else {"summary": causes.model.summary, "horizons": horizons}


def _by_model(evaluations: dict[float, Evaluation]) -> dict[str, dict[str, dict[str, object]]]:
    by_model: dict[str, dict[str, dict[str, object]]] = {}
    for horizon, evaluation in evaluations.items():
        for name, measures in evaluation.to_json().items():
            by_model.setdefault(name, {"horizons": {}})["horizons"][f"{horizon:.0f}"] = measures
    return by_model


def ratios(evaluations: dict[float, Evaluation]) -> dict[str, dict[str, dict[str, object]]]:
    """Divide the model's figures by each baseline's, with paired intervals; above 1 the model is better."""
    by_baseline: dict[str, dict[str, dict[str, object]]] = {}
    for horizon, evaluation in evaluations.items():
        for baseline in evaluation.models:
            if baseline != MODEL:
                horizons = by_baseline.setdefault(baseline, {"horizons": {}})["horizons"]
                horizons[f"{horizon:.0f}"] = _ratios(evaluation, baseline)
    return by_baseline


def _ratios(evaluation: Evaluation, baseline: str) -> dict[str, object]:
    """Divide what a site chooses a model by: its ranking over all rows, and what its alarms catch at each budget."""
    budgets = [
        {
            "alarm_share": share,
            **{
                name: evaluation.ratio(name, MODEL, baseline, share).to_json()
                for name in measures
                if _is_compared(name)
            },
        }
        for share, measures in evaluation.models[MODEL].budgets.items()
    ]
    return {RANKING: evaluation.ratio(RANKING, MODEL, baseline).to_json(), "budgets": budgets}


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
                pa.repeat(int(horizon), len(rows)),
                pa.repeat(name, len(rows)),
                pa.array(probability),
            ]
            yield pa.table(columns, schema=SCHEMA)
