"""The protocol's reference implementation, as it is, and cases built from its own rows, labels and failures."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from data.outages import repeat_within
from data.time_grid import DAY, MICROSECOND, in_hours
from models.evaluation.evaluation_set import EvaluationSet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from numpy.typing import NDArray

SHARED = Path(__file__).parents[3] / "shared"
SHARES = (0.005, 0.01, 0.02)
RATES = (0.0025, 0.005, 0.01)


def _load_judge() -> Any:  # noqa: ANN401  - a script without types
    spec = importlib.util.spec_from_file_location("judge", SHARED / "judge.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


judge = _load_judge()


@dataclass(frozen=True, slots=True)
class Setting:
    """What the judge needs besides the scores."""

    folder: Path
    start: datetime
    end: datetime
    every: timedelta = DAY
    horizon: timedelta = 7 * DAY
    coverage: str | None = None
    repeat: timedelta | None = None  # None: what the protocol sets for the horizon
    shares: tuple[float, ...] = SHARES
    rates: tuple[float, ...] = RATES

    @property
    def times(self) -> NDArray[np.int64]:
        """The scoring times, in microseconds."""
        times: NDArray[np.int64] = judge.times(
            *judge.us([self.start, self.end]), ticks(self.every), ticks(self.horizon)
        )
        return times

    @property
    def repeat_length(self) -> timedelta:
        """How soon after another one's end a failure belongs to it."""
        return repeat_within(self.horizon) if self.repeat is None else self.repeat


@dataclass(frozen=True, slots=True)
class ReferenceRows:
    """The reference's rows at risk (node, ts, y, free; sorted by node and ts), its outages, and what it counted."""

    table: pd.DataFrame
    outages: pd.DataFrame  # node, start, over: in microseconds
    counts: dict[str, int]


def ticks(length: timedelta) -> int:
    """Return a length of time in microseconds."""
    return length // MICROSECOND


def reference_rows(setting: Setting) -> ReferenceRows:
    """Return the reference's rows with their labels at the scoring times of a setting."""
    return rows_at(setting.folder, setting.times, setting.horizon, setting.repeat_length, setting.coverage)


def rows_at(
    folder: Path, times: NDArray[np.int64], horizon: timedelta, repeat: timedelta, coverage: str | None
) -> ReferenceRows:
    """Return the reference's rows with their labels at some times (microseconds)."""
    names, risk, free, label, outages, counts = judge.rows(folder, times, ticks(horizon), ticks(repeat), coverage)
    node, step = np.nonzero(risk.T)
    table = pd.DataFrame(
        {
            "node": names[node],
            "ts": pd.to_datetime(times[step], unit="us", utc=True),
            "y": label[step, node].astype(np.float64),
            "free": free[step, node],
        }
    )
    return ReferenceRows(table, outages, counts)


def cases_of(setting: Setting, rows: ReferenceRows) -> EvaluationSet:
    """Turn the judge's rows and failures into an evaluation set."""
    names = sorted(set(rows.table.node))
    index = {name: i for i, name in enumerate(names)}
    dropped = {name.removeprefix("dropped_"): n for name, n in rows.counts.items() if name.startswith("dropped_")}
    return EvaluationSet(
        names=tuple(names),
        node=np.array([index[name] for name in rows.table.node], dtype=np.int32),
        ts=moments(rows.table.ts),
        label=rows.table.y.to_numpy(dtype=np.float64),
        can_alarm=rows.table.free.to_numpy(dtype=bool),
        times=setting.times.astype("datetime64[us]"),
        failure_node=np.array([index.get(name, -1) for name in rows.outages.node], dtype=np.int32),
        failure_start=rows.outages.start.to_numpy(dtype=np.int64).astype("datetime64[us]"),
        horizon=setting.horizon,
        every=setting.every,
        repeat=setting.repeat_length,
        dropped=dropped,
    )


def moments(column: pd.Series) -> NDArray[np.datetime64]:
    """Strip the time zone: UTC in microseconds."""
    stripped: NDArray[np.datetime64] = column.dt.tz_convert(None).to_numpy(dtype="datetime64[us]")
    return stripped


def judged(
    setting: Setting, rows: ReferenceRows, scores: Mapping[str, NDArray[np.float64]]
) -> dict[str, dict[str, Any]]:
    """Run the judge itself on scores given in the order of the rows."""
    tables = [
        rows.table[["node", "ts"]].assign(horizon_hours=in_hours(setting.horizon), model=model, probability=score)
        for model, score in scores.items()
    ]
    return judge_scores(setting, pd.concat(tables, ignore_index=True))


def judge_scores(setting: Setting, scores: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Run the judge on a table of scores."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reference may divide by zero where the project returns null
        result: dict[str, dict[str, Any]] = judge.judge(
            setting.folder,
            scores,
            setting.start,
            setting.end,
            setting.every,
            setting.horizon,
            setting.coverage,
            setting.shares,
            setting.repeat,
            setting.rates,
        )
    return result
