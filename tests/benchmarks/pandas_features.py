"""The features of sampled metrics as a competent user of pandas would compute them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from features.feature import Feature


def compute(frame: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    """Compute window features of a daily panel (node, rack, ts, metrics), a row for each of its rows."""
    frame = frame.sort_values(["node", "ts"], ignore_index=True)
    plain: dict[tuple[str, str, int], pd.Series] = {}
    for metric, stat, days in dict.fromkeys((f.metric, f.statistic.name, _days(f)) for f in features):
        plain[metric, stat, days] = _STATISTICS[stat](frame, metric, days)
    by_name = {f.name: _relative_to_peers(frame, plain[f.metric, f.statistic.name, _days(f)], f.peer) for f in features}
    return pd.DataFrame(by_name).astype(np.float32)


def covers(feature: Feature) -> bool:
    """Return whether `compute` knows a feature."""
    return feature.statistic.name in _STATISTICS and feature.peer in {"", "vs_fleet", "of_fleet", "rank", "vs_rack"}


def _days(feature: Feature) -> int:
    return feature.window.days if feature.window else 0


def _rolled(frame: pd.DataFrame, values: pd.Series, days: int, statistic: str) -> pd.Series:
    """Roll over the days of each node; rows stay in the order of the frame."""
    keyed = pd.DataFrame({"node": frame["node"], "ts": frame["ts"], "x": values})
    rolling = keyed.groupby("node", sort=False).rolling(
        f"{days}D", on="ts", min_periods=2 if statistic == "std" else 1
    )["x"]
    values = getattr(rolling, statistic)(**({"ddof": 0} if statistic == "std" else {}))
    return pd.Series(values.to_numpy())


def _simple(statistic: str) -> Callable[[pd.DataFrame, str, int], pd.Series]:
    return lambda frame, metric, days: _rolled(frame, frame[metric], days, statistic)


def _change(frame: pd.DataFrame, metric: str, days: int) -> pd.Series:
    return frame[metric] - _rolled(frame, frame[metric], days, "mean")


def _slope(frame: pd.DataFrame, metric: str, days: int) -> pd.Series:
    value = frame[metric]
    day = pd.Series((frame["ts"] - frame["ts"].min()).dt.days.to_numpy(dtype=np.float64)).where(value.notna())
    product, square = _rolled(frame, day * value, days, "mean"), _rolled(frame, day * day, days, "mean")
    mean_day, mean_value = _rolled(frame, day, days, "mean"), _rolled(frame, value, days, "mean")
    variance = (square - mean_day * mean_day).round(9)
    return (product - mean_day * mean_value) / variance.where(variance > 0)


def _seen(frame: pd.DataFrame, metric: str, days: int) -> pd.Series:
    return _rolled(frame, frame[metric].notna().astype(float), days, "sum") / days


def _span(frame: pd.DataFrame, metric: str, days: int) -> pd.Series:
    return (_rolled(frame, frame[metric], days, "max") - _rolled(frame, frame[metric], days, "min")) / 3_600


_STATISTICS: Final[dict[str, Callable[[pd.DataFrame, str, int], pd.Series]]] = {
    "mean": _simple("mean"),
    "std": _simple("std"),
    "min": _simple("min"),
    "max": _simple("max"),
    "change": _change,
    "slope": _slope,
    "seen": _seen,
    "span": _span,
}


def _relative_to_peers(frame: pd.DataFrame, values: pd.Series, peer: str) -> pd.Series:
    by_time = values.groupby(frame["ts"])
    if peer == "vs_fleet":
        spread = (by_time.transform("quantile", 0.75) - by_time.transform("quantile", 0.25)) / 1.349
        return (values - by_time.transform("median")) / spread.where(spread > 0)
    if peer == "of_fleet":
        median = by_time.transform("median")
        return values / median.where(median > 0)
    if peer == "rank":
        return (by_time.rank(method="min") - 1) / (by_time.transform("count") - 1)
    if peer == "vs_rack":
        return values - values.groupby([frame["ts"], frame["rack"]]).transform("median")
    return values
