"""Cox and Weibull models of the time between a node's failures: the usual choice where there is no telemetry.

Gap times (Prentice, Williams and Peterson 1981), with a baseline for each hardware model, which on LANL is the system.
A gap's hazard depends on how many failures the node had before it, over its whole life and recently; a forecast is the
probability that the gap which is open now ends within the horizon, given how long it has lasted. These choices were
made on validation windows: two years of gaps were better for both models than the whole past, and so were the counts of
30 and 90 days; Cox's stepwise baseline ranks well and is badly calibrated until it is smoothed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.grid import DAY, to_times
from features.training.labels import Outcomes

if TYPE_CHECKING:
    from data.view import View
    from features.grid import Times
    from features.population.at_risk import Rows
    from models.baselines.labelled_rows import Floats

LEARNED: Final = 730 * DAY  # the days of a gap before these two years do not count (left truncation)
RECENT_DAYS: Final = (365, 90, 30)
COVARIATES: Final = ("before", *(f"in_{days}" for days in RECENT_DAYS))
MIN_FAILURES: Final = 50  # of a hardware model, before it has a baseline of its own
PENALTY: Final = 0.01
KNOTS: Final = 10  # of the smoothed baseline, at equal counts of failures
Model = Callable[[pd.DataFrame, pd.DataFrame, float], NDArray[np.float64]]  # gaps, open gaps, days: probabilities


@dataclass(frozen=True, slots=True)
class NodeLives:
    """Each node's first day, the day it left (NaT: not known), its failures and its hardware model."""

    start: Times
    end: Times
    failures: tuple[Times, ...]
    hardware: NDArray[np.str_]

    @classmethod
    def of(cls, view: View, names: tuple[str, ...]) -> NodeLives:
        """Read what a view knows of the named nodes."""
        outcomes = Outcomes.of(view, names)
        nodes = view.nodes().select("node", "observed_from", "hardware")
        row_of = {name: row for row, name in enumerate(nodes["node"])}
        rows = np.array([row_of[name] for name in names])
        failures = tuple(np.sort(outcomes.failure_start[outcomes.failure_node == node]) for node in range(len(names)))
        hardware = nodes["hardware"].fill_null("").to_numpy()[rows].astype(str)
        return cls(to_times(nodes["observed_from"])[rows], outcomes.observed_until, failures, hardware)

    def gaps(self, until: np.datetime64) -> pd.DataFrame:
        """List the gaps of the two years before a time: length, the age from which on it counts, covariates.

        A gap that is open at that time, or when its node leaves, is censored there. No failure may be later than it.
        """
        gaps = self._all_gaps()
        stops = np.where(np.isnat(self.end), until, np.minimum(self.end, until))
        ends = np.concatenate([np.append(starts, stop) for starts, stop in zip(self.failures, stops, strict=True)])
        ended = np.concatenate([np.arange(len(starts) + 1) < len(starts) for starts in self.failures])
        begins: Times = gaps.pop("begin").to_numpy()
        age = np.maximum((until - LEARNED - begins) / DAY, 0.0)
        gaps = gaps.assign(days=(ends - begins) / DAY, age=age, ended=ended)
        return gaps[gaps["days"] > gaps["age"]]

    def open_gaps(self, rows: Rows) -> pd.DataFrame:
        """List the gap that is open at each row: its age, and its covariates."""
        first_gap = np.cumsum([0, *(len(starts) + 1 for starts in self.failures)])
        gap = np.empty(len(rows), dtype=np.int64)
        for node, starts in enumerate(self.failures):
            of_node = slice(*np.searchsorted(rows.node, (node, node + 1)))
            gap[of_node] = first_gap[node] + np.searchsorted(starts, rows.ts[of_node], side="right")
        open_gaps = self._all_gaps().iloc[gap].reset_index(drop=True)
        return open_gaps.assign(age=(rows.ts - open_gaps.pop("begin").to_numpy()) / DAY)

    def _all_gaps(self) -> pd.DataFrame:
        """List each node's gaps, from its first day or a failure on: covariates as they are at that time."""
        gaps = []
        for start, failures, hardware in zip(self.start, self.failures, self.hardware, strict=True):
            for number, begin in enumerate([start, *failures]):
                recent = [np.count_nonzero(failures[:number] > begin - length * DAY) for length in RECENT_DAYS]
                gaps.append((begin, *np.log1p(np.array([number, *recent])), hardware))
        return pd.DataFrame(gaps, columns=["begin", *COVARIATES, "hardware"])


def cox(gaps: pd.DataFrame, open_gaps: pd.DataFrame, horizon_days: float) -> Floats:
    """Fit a Cox model, a stratum for each hardware model, and forecast open gaps."""
    from lifelines import CoxPHFitter  # noqa: PLC0415 - an extra that only benchmarks need

    model = CoxPHFitter(penalizer=PENALTY).fit(gaps, "days", "ended", strata=["hardware"], entry_col="age")
    relative_hazard = np.exp(model.predict_log_partial_hazard(open_gaps[list(COVARIATES)]).to_numpy())
    hazard = np.empty(len(open_gaps))
    for stratum, stratum_gaps in gaps.groupby("hardware"):
        in_stratum = (open_gaps["hardware"] == stratum).to_numpy()
        baseline = model.baseline_cumulative_hazard_[stratum].ffill().fillna(0.0)
        hazard[in_stratum] = _smoothed(baseline, stratum_gaps, open_gaps["age"].to_numpy()[in_stratum], horizon_days)
    return np.asarray(-np.expm1(-hazard * relative_hazard))


def _smoothed(baseline: pd.Series[float], gaps: pd.DataFrame, age: Floats, horizon_days: float) -> Floats:
    """Compute the baseline hazard from each age over the horizon: linear between knots and beyond the last one."""
    ends = gaps["days"][gaps["ended"]].to_numpy()
    knots = np.unique([0.0, *np.quantile(ends, np.linspace(0, 1, KNOTS + 1))])
    values = np.interp(knots, baseline.index.to_numpy(), baseline.to_numpy())
    slope = (values[-1] - values[-2]) / (knots[-1] - knots[-2])

    def cumulative(days: Floats) -> Floats:
        return np.asarray(np.interp(days, knots, values) + slope * np.maximum(days - knots[-1], 0.0))

    return cumulative(age + horizon_days) - cumulative(age)


def weibull(gaps: pd.DataFrame, open_gaps: pd.DataFrame, horizon_days: float) -> Floats:
    """Fit a Weibull model, scale and shape by hardware model, and forecast open gaps."""
    from lifelines import WeibullAFTFitter  # noqa: PLC0415 - an extra that only benchmarks need

    hardware = "C(hardware)" if len(set(gaps["hardware"])) > 1 else "1"
    formula = " + ".join([*COVARIATES, hardware])
    model = WeibullAFTFitter(penalizer=PENALTY)
    model.fit(gaps, "days", "ended", entry_col="age", formula=formula, ancillary=hardware)
    ages = open_gaps["age"].to_numpy()
    survival = model.predict_survival_function(open_gaps, [horizon_days], conditional_after=ages)
    return np.asarray(1.0 - survival.to_numpy()[0], dtype=np.float64)


def forecast(model: Model, gaps: pd.DataFrame, open_gaps: pd.DataFrame, horizon_days: float) -> Floats:
    """Forecast open gaps by a model of their hardware where enough failures of it are known, else by one of all."""
    ends = gaps.groupby("hardware")["ended"].sum()
    common, probabilities = list(ends.index[ends >= MIN_FAILURES]), np.empty(len(open_gaps))
    is_common = open_gaps["hardware"].isin(common).to_numpy()
    if is_common.any():
        of_common = gaps[gaps["hardware"].isin(common)]
        probabilities[is_common] = model(of_common, open_gaps[is_common], horizon_days)
    if not is_common.all():
        others = open_gaps[~is_common].assign(hardware="any")
        probabilities[~is_common] = model(gaps.assign(hardware="any"), others, horizon_days)
    return probabilities
