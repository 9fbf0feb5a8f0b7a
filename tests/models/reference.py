"""The protocol's reference implementation, and cases built from its own rows, labels and failures.

The reference follows protocol 2, the project protocol 1: no probation (a node that has just failed is judged as any
other and can be alarmed), failures within 24 hours are merged at every horizon, a blind period drops only rows that do
not fail, a step may be longer than the horizon, failures count from the first to the last time that has a row, and the
slope is where scikit-learn's own defaults stop.
The functions that are set on `judge` below make these changes; all else is the reference's.
"""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from models.evaluation.evaluation_set import EvaluationSet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

SHARED = Path(__file__).parents[3] / "shared"
SHARES = (0.005, 0.01, 0.02)


def _load_judge() -> Any:  # noqa: ANN401  - a script without types
    spec = importlib.util.spec_from_file_location("judge", SHARED / "judge.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


judge = _load_judge()
reference_rows = judge.rows
ONE_DAY = "24h"
DROPPED = ("probation", "blind", "left", "maintenance")


def rows(folder: Path, ts: NDArray[np.int64], horizon: int, repeat: int, coverage: str | None) -> tuple[Any, ...]:
    """Return the reference's nodes, rows at risk, labels (times x nodes) and outages, by protocol 1."""
    names, risk, _, _, outages, counts = reference_rows(folder, ts, horizon, repeat, coverage)
    events, nodes, blind = (judge.load(folder, table) for table in ("events", "nodes", "blind"))
    work = events[(events.kind == "maintenance") & (events.end > events.start)]
    fails, left, maintained = (
        judge.paint(ts, len(names), code, moment - horizon, moment)
        for code, moment in (
            (outages.code, outages.start),
            (np.arange(len(names)), nodes.observed_until),
            (names.get_indexer(work.node), work.start),
        )
    )
    periods = () if blind is None else zip(blind.start, blind.end, strict=True)
    unseen = sum(np.maximum(0, np.minimum(end, ts + horizon) - np.maximum(start, ts)) for start, end in periods)
    lost = left | maintained | np.broadcast_to(5 * unseen > 2 * horizon, ts.shape)[:, None]
    label = np.where(risk, np.where(fails, 1.0, np.where(lost, np.nan, 0.0)), np.nan)
    return names, risk, risk, label, outages, counts


def times(start: int, end: int, every: int, horizon: int) -> NDArray[np.int64]:
    """Return the scoring times, by protocol 1: a step may be longer than the horizon."""
    return np.arange(start, end - horizon + 1, every)


judge.rows, judge.times = rows, times
judge.LogisticRegression = lambda C, **_: LogisticRegression(C=C)


@dataclass(frozen=True, slots=True)
class Setting:
    """What the judge needs besides the scores."""

    folder: Path
    start: pd.Timestamp
    end: pd.Timestamp
    every_days: int = 1
    horizon_days: int = 7
    coverage: str | None = None


def ticks(setting: Setting) -> tuple[NDArray[np.int64], int]:
    """Return the scoring times and the horizon, in microseconds."""
    horizon, every = setting.horizon_days * judge.DAY, setting.every_days * judge.DAY
    return judge.times(*judge.us([setting.start, setting.end]), every, horizon), horizon


def labelled_rows(setting: Setting) -> pd.DataFrame:
    """Return the reference's rows with their labels, sorted by node and time."""
    ts, horizon = ticks(setting)
    return labelled(setting.folder, ts, horizon, setting.coverage)


def labelled(folder: Path, ts: NDArray[np.int64], horizon: int, coverage: str | None) -> pd.DataFrame:
    """Return the reference's rows at some times with their labels, sorted by node and time."""
    names, risk, _, label, *_ = rows(folder, ts, horizon, judge.DAY, coverage)
    node, step = np.nonzero(risk.T)
    times = pd.to_datetime(ts[step], unit="us", utc=True)
    return pd.DataFrame({"node": names[node], "ts": times, "y": label[step, node]})


def outages(folder: Path) -> pd.DataFrame:
    """Return the reference's outages: node and start."""
    table: pd.DataFrame = judge.outages(judge.load(folder, "events"), judge.DAY)
    return table.assign(start=pd.to_datetime(table.start, unit="us", utc=True))


def cases_of(setting: Setting, rows: pd.DataFrame) -> EvaluationSet:
    """Turn the judge's rows and failures into an evaluation set."""
    failures = outages(setting.folder)
    names = sorted(set(rows.node))
    index = {name: i for i, name in enumerate(names)}
    return EvaluationSet(
        names=tuple(names),
        node=np.array([index[name] for name in rows.node], dtype=np.int32),
        ts=moments(rows.ts),
        label=rows.y.to_numpy(dtype=np.float64),
        failure_node=np.array([index.get(name, -1) for name in failures.node], dtype=np.int32),
        failure_start=moments(failures.start),
        horizon_days=setting.horizon_days,
        every_days=setting.every_days,
    )


def moments(column: pd.Series) -> NDArray[np.datetime64]:
    """Strip the time zone: UTC in microseconds."""
    stripped: NDArray[np.datetime64] = column.dt.tz_convert(None).to_numpy(dtype="datetime64[us]")
    return stripped


def judged(
    setting: Setting, rows: pd.DataFrame, scores: Mapping[str, NDArray[np.float64]], shares: Sequence[float] = SHARES
) -> dict[str, dict[str, Any]]:
    """Run the judge itself on scores given in the order of the rows."""
    tables = [
        rows[["node", "ts"]].assign(horizon_days=setting.horizon_days, model=model, probability=score)
        for model, score in scores.items()
    ]
    return judge_scores(setting, pd.concat(tables, ignore_index=True), shares)


def judge_scores(setting: Setting, scores: pd.DataFrame, shares: Sequence[float] = SHARES) -> dict[str, dict[str, Any]]:
    """Run the judge on a table of scores, and keep the measures of protocol 1."""
    ts = scores.ts[scores.horizon_days == setting.horizon_days]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reference may divide by zero where the project returns null
        result: dict[str, dict[str, Any]] = judge.judge(
            setting.folder,
            scores,
            ts.min(),
            ts.max() + pd.Timedelta(days=setting.horizon_days),
            setting.every_days,
            setting.horizon_days,
            setting.coverage,
            shares,
            ONE_DAY,
        )
    probability = scores.groupby("model", observed=True).probability
    is_constant = probability.min() == probability.max()
    of_protocol_2 = {"at_risk", "unknown", "episode_budgets"} | {f"dropped_{why}" for why in DROPPED}
    return {
        model: {
            name: value
            for name, value in figures.items()
            if name
            not in of_protocol_2 | ({"slope"} if is_constant[model] else set())  # which protocol 1 does not define
        }
        for model, figures in result.items()
    }
