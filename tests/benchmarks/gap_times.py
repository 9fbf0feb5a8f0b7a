"""Cox and Weibull models of the time between a node's failures: what one would fit where there is no telemetry.

Gap times (Prentice, Williams and Peterson 1981), with a baseline for each hardware model, which on LANL is the system.
A gap's hazard depends on how many failures the node had before it, over all its life and lately; a forecast is the
probability that the gap which is open now ends within the horizon, given how long it has lasted. The choices here were
made on validation windows: two years of gaps served both models better than all of the past, and so did the counts of
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

LEARNED: Final = 730 * DAY  # a gap's days before these two years are left out (left truncation)
RECENT_DAYS: Final = (365, 90, 30)
COVARIATES: Final = ("before", *(f"in_{days}" for days in RECENT_DAYS))
FEWEST: Final = 50  # failures for a hardware model to have a baseline of its own
PENALTY: Final = 0.01
KNOTS: Final = 10  # of the smoothed baseline, at equal counts of failures
Model = Callable[[pd.DataFrame, pd.DataFrame, float], NDArray[np.float64]]  # gaps, open gaps, days: probabilities


@dataclass(frozen=True, slots=True)
class Lives:
    """Each node's first day, its failures, when it left (as far as is known) and its hardware model."""

    came: Times
    left: Times
    failures: tuple[Times, ...]
    hardware: NDArray[np.str_]

    @classmethod
    def of(cls, view: View, names: tuple[str, ...]) -> Lives:
        """Read what a view knows of the named nodes."""
        told = Outcomes.of(view, names)
        nodes = view.nodes().select("node", "observed_from", "hardware")
        at = {name: row for row, name in enumerate(nodes["node"])}
        row = np.array([at[name] for name in names])
        failures = tuple(np.sort(told.failure_start[told.failure_node == node]) for node in range(len(names)))
        hardware = nodes["hardware"].fill_null("").to_numpy()[row].astype(str)
        return cls(to_times(nodes["observed_from"])[row], told.left, failures, hardware)

    def gaps(self, until: np.datetime64) -> pd.DataFrame:
        """List the gaps of the two years before a time: length, the age from which on it counts, covariates.

        A gap that is open at that time, or when its node leaves, is censored there. No failure may be later than it.
        """
        told = self._all()
        stops = np.where(np.isnat(self.left), until, np.minimum(self.left, until))
        ends = np.concatenate([np.append(own, stop) for own, stop in zip(self.failures, stops, strict=True)])
        ended = np.concatenate([np.arange(len(own) + 1) < len(own) for own in self.failures])
        begins: Times = told.pop("begin").to_numpy()
        age = np.maximum((until - LEARNED - begins) / DAY, 0.0)
        found = told.assign(days=(ends - begins) / DAY, age=age, ended=ended)
        return found[found["days"] > found["age"]]

    def open_gaps(self, rows: Rows) -> pd.DataFrame:
        """Give the age of the gap that is open at each row, and its covariates."""
        first = np.cumsum([0, *(len(own) + 1 for own in self.failures)])
        number = np.empty(len(rows), dtype=np.int64)
        for node, own in enumerate(self.failures):
            chosen = slice(*np.searchsorted(rows.node, (node, node + 1)))
            number[chosen] = first[node] + np.searchsorted(own, rows.ts[chosen], side="right")
        told = self._all().iloc[number].reset_index(drop=True)
        return told.assign(age=(rows.ts - told.pop("begin").to_numpy()) / DAY)

    def _all(self) -> pd.DataFrame:
        """List each node's gaps, from its first day or a failure on: covariates as they are at that time."""
        told = []
        for came, own, hardware in zip(self.came, self.failures, self.hardware, strict=True):
            for number, begin in enumerate([came, *own]):
                recent = [np.count_nonzero(own[:number] > begin - length * DAY) for length in RECENT_DAYS]
                told.append((begin, *np.log1p(np.array([number, *recent])), hardware))
        return pd.DataFrame(told, columns=["begin", *COVARIATES, "hardware"])


def cox(gaps: pd.DataFrame, asked: pd.DataFrame, horizon_days: float) -> Floats:
    """Fit a Cox model, a stratum for each hardware model, and forecast open gaps."""
    from lifelines import CoxPHFitter  # noqa: PLC0415 - an extra that only benchmarks need

    model = CoxPHFitter(penalizer=PENALTY).fit(gaps, "days", "ended", strata=["hardware"], entry_col="age")
    risk = np.exp(model.predict_log_partial_hazard(asked[list(COVARIATES)]).to_numpy())
    hazard = np.empty(len(asked))
    for stratum, theirs in gaps.groupby("hardware"):
        chosen = (asked["hardware"] == stratum).to_numpy()
        baseline = model.baseline_cumulative_hazard_[stratum].ffill().fillna(0.0)
        hazard[chosen] = _smoothed(baseline, theirs, asked["age"].to_numpy()[chosen], horizon_days)
    return np.asarray(-np.expm1(-hazard * risk))


def _smoothed(baseline: pd.Series[float], gaps: pd.DataFrame, age: Floats, horizon_days: float) -> Floats:
    """Give the baseline hazard from each age over the horizon: straight between knots, and on past the last one."""
    ends = gaps["days"][gaps["ended"]].to_numpy()
    knots = np.unique([0.0, *np.quantile(ends, np.linspace(0, 1, KNOTS + 1))])
    values = np.interp(knots, baseline.index.to_numpy(), baseline.to_numpy())
    slope = (values[-1] - values[-2]) / (knots[-1] - knots[-2])

    def at(days: Floats) -> Floats:
        return np.asarray(np.interp(days, knots, values) + slope * np.maximum(days - knots[-1], 0.0))

    return at(age + horizon_days) - at(age)


def weibull(gaps: pd.DataFrame, asked: pd.DataFrame, horizon_days: float) -> Floats:
    """Fit a Weibull model, scale and shape by hardware model, and forecast open gaps."""
    from lifelines import WeibullAFTFitter  # noqa: PLC0415 - an extra that only benchmarks need

    kind = "C(hardware)" if len(set(gaps["hardware"])) > 1 else "1"
    formula = " + ".join([*COVARIATES, kind])
    model = WeibullAFTFitter(penalizer=PENALTY)
    model.fit(gaps, "days", "ended", entry_col="age", formula=formula, ancillary=kind)
    survival = model.predict_survival_function(asked, [horizon_days], conditional_after=asked["age"].to_numpy())
    return np.asarray(1.0 - survival.to_numpy()[0], dtype=np.float64)


def forecast(model: Model, gaps: pd.DataFrame, asked: pd.DataFrame, horizon_days: float) -> Floats:
    """Forecast open gaps by a model of their hardware where enough failures of it are known, else by one of all."""
    ends = gaps.groupby("hardware")["ended"].sum()
    known, out = list(ends.index[ends >= FEWEST]), np.empty(len(asked))
    own = asked["hardware"].isin(known).to_numpy()
    if own.any():
        out[own] = model(gaps[gaps["hardware"].isin(known)], asked[own], horizon_days)
    if not own.all():
        out[~own] = model(gaps.assign(hardware="any"), asked[~own].assign(hardware="any"), horizon_days)
    return out
