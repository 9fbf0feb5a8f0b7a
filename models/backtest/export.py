"""What a backtest leaves behind for programs: its figures as JSON, its scores as Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from features.grid import to_numpy
from models.evaluation.evaluate import MODEL, RANKING

if TYPE_CHECKING:
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


def to_json(found: Backtest) -> dict[str, object]:
    """Give the figures of the protocol, ready for JSON."""
    replay = found.replay
    by_model = _by_model(found.evaluations)
    return {
        "protocol": PROTOCOL,
        "dataset": found.dataset,
        "test": {
            "start": replay.window.start.isoformat(),
            "end": replay.window.end.isoformat(),
            "nodes": len(np.unique(replay.rows.node)),
            "node_days": int(len(replay.rows) * replay.setup.design.every_days),
            "failures": found.failures,
            "unknown": int(replay.risk.unknown[:, replay.risk.cutoffs >= to_numpy(replay.window.start)].sum()),
            "dropped": found.dropped,
        },
        MODEL: by_model.pop(MODEL),
        "baselines": by_model,
        "ratios": ratios(found.evaluations),
        "slices": {"horizons": {f"{days:.0f}": slicing.to_json() for days, slicing in found.slicings.items()}},
        "causes": _causes(found),
        "notices": list(found.notices),
        "seconds": round(found.seconds, 1),
        "peak_rss_mb": round(found.peak_rss_mb),
    }


def _causes(found: Backtest) -> dict[str, object]:
    """Say how well the causes of failures were told, by horizon; empty where nothing was said of any."""
    told = {days: found.causes_at(days) for days in found.evaluations}
    horizons = {f"{days:.0f}": figures.to_json() for days, figures in told.items() if figures is not None}
    causes = found.replay.causes
    return {} if causes is None else {"summary": causes.model.summary, "horizons": horizons}


def _by_model(evaluations: dict[float, Evaluation]) -> dict[str, dict[str, dict[str, object]]]:
    told: dict[str, dict[str, dict[str, object]]] = {}
    for horizon, evaluation in evaluations.items():
        for name, measures in evaluation.to_json().items():
            told.setdefault(name, {"horizons": {}})["horizons"][f"{horizon:.0f}"] = measures
    return told


def ratios(evaluations: dict[float, Evaluation]) -> dict[str, dict[str, dict[str, object]]]:
    """Divide the model's figures by each baseline's, with paired intervals; above 1 the model does better."""
    told: dict[str, dict[str, dict[str, object]]] = {}
    for horizon, evaluation in evaluations.items():
        for other in evaluation.models:
            if other != MODEL:
                told.setdefault(other, {"horizons": {}})["horizons"][f"{horizon:.0f}"] = _ratios(evaluation, other)
    return told


def _ratios(evaluation: Evaluation, other: str) -> dict[str, object]:
    """Give what a site chooses a model by: its ranking over all rows, and what its alarms catch at each budget."""
    budgets = [
        {
            "alarm_share": share,
            **{name: evaluation.ratio(name, MODEL, other, share).to_json() for name in measures if _is_compared(name)},
        }
        for share, measures in evaluation.models[MODEL].budgets.items()
    ]
    return {RANKING: evaluation.ratio(RANKING, MODEL, other).to_json(), "budgets": budgets}


def _is_compared(measure: str) -> bool:
    return measure == "precision" or measure.startswith("caught_share")


def write_scores(found: Backtest, path: Path) -> None:
    """Write one row for each node at risk, horizon and model."""
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:
        for horizon in found.evaluations:
            rows, probabilities = found.replay.at(horizon)
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
                writer.write_table(pa.table(columns, schema=SCHEMA))
