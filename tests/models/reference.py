"""The protocol's reference implementation, and cases built from its own rows, labels and failures."""

from __future__ import annotations

import importlib.util
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

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


@dataclass(frozen=True, slots=True)
class Setting:
    """What the judge is told beside the scores."""

    folder: Path
    start: pd.Timestamp
    end: pd.Timestamp
    every_days: int = 1
    horizon_days: int = 7
    coverage: str | None = None


def labelled_rows(setting: Setting) -> pd.DataFrame:
    """Give the judge's rows with their labels, in the order of its outer merge."""
    times = judge.times(setting.start, setting.end, setting.every_days, setting.horizon_days)
    at_risk = judge.at_risk(setting.folder, times, setting.coverage)
    rows: pd.DataFrame = judge.label(setting.folder, at_risk, setting.horizon_days)
    return rows.sort_values(["node", "ts"]).reset_index(drop=True)


def cases_of(setting: Setting, rows: pd.DataFrame) -> EvaluationSet:
    """Turn the judge's rows and failures into cases."""
    failures = judge.merged_failures(judge.load(setting.folder, "events"))
    names = sorted(set(rows.node))
    place = {name: index for index, name in enumerate(names)}
    return EvaluationSet(
        names=tuple(names),
        node=np.array([place[name] for name in rows.node], dtype=np.int32),
        ts=moments(rows.ts),
        label=rows.y.to_numpy(dtype=np.float64),
        failure_node=np.array([place.get(name, -1) for name in failures.node], dtype=np.int32),
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the reference may divide by zero where the project says null
        result: dict[str, dict[str, Any]] = judge.judge(
            setting.folder,
            pd.concat(tables, ignore_index=True),
            setting.start,
            setting.end,
            setting.every_days,
            setting.horizon_days,
            setting.coverage,
            shares,
        )
    return result
