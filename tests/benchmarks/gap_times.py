"""A Cox model of the time between a node's failures: what one would fit where there is no telemetry.

Gap time (Prentice, Williams and Peterson 1981), the hardware model as a stratum. What a gap's hazard depends on:
how many failures the node had before it, and how many in the year before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from features.grid import to_numpy, to_times
from features.labels import Outcomes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Times
    from models.backtest import Replay
    from models.baselines import Floats

YEAR: Final = np.timedelta64(365 * 86_400_000_000, "us")
DAY: Final = np.timedelta64(86_400_000_000, "us")
FEWEST: Final = 100  # failures for a hardware model to have a baseline hazard of its own
PENALTY: Final = 0.01
COVARIATES: Final = ("before", "lately")


@dataclass(frozen=True, slots=True)
class Lives:
    """Each node's first day and its failures, as positions into names."""

    came: Times
    failures: tuple[Times, ...]
    stratum: NDArray[np.str_]

    @classmethod
    def of(cls, view: View, names: tuple[str, ...]) -> Lives:
        """Read what a view knows of the named nodes."""
        told = Outcomes.of(view, names)
        nodes = view.nodes().select("node", "observed_from", "hardware")
        at = {name: row for row, name in enumerate(nodes["node"])}
        row = np.array([at[name] for name in names])
        kind = nodes["hardware"].fill_null("").to_numpy()[row].astype(str)
        failures = tuple(np.sort(told.failure_start[told.failure_node == node]) for node in range(len(names)))
        counts = {one: sum(len(failures[node]) for node in np.flatnonzero(kind == one)) for one in np.unique(kind)}
        stratum = np.array([one if counts[one] >= FEWEST else "other" for one in kind])
        return cls(to_times(nodes["observed_from"])[row], failures, stratum)

    def at(self, node: int, moment: np.datetime64) -> tuple[float, float, float]:
        """Give the age in days of a node's gap, the failures before it, and those of the year before it."""
        past = self.failures[node][: np.searchsorted(self.failures[node], moment, side="right")]
        began = past[-1] if len(past) else self.came[node]
        return float((moment - began) / DAY), np.log1p(len(past)), np.log1p(np.count_nonzero(past > began - YEAR))

    def gaps(self, until: np.datetime64) -> pd.DataFrame:
        """List every gap up to a time; the last one of a node is censored there."""
        rows = []
        for node, failures in enumerate(self.failures):
            for start, end in zip([self.came[node], *failures], [*failures, until], strict=True):
                _, before, lately = self.at(node, start)
                rows.append(((end - start) / DAY, end != until, before, lately, self.stratum[node]))
        told = pd.DataFrame(rows, columns=["days", "ended", *COVARIATES, "stratum"])
        return told[told["days"] > 0]


def forecast(replay: Replay, hindsight: View, horizon_days: float) -> Floats:
    """Give P(the current gap ends within the horizon) at each row of a replay, from gaps known at its split."""
    from lifelines import CoxPHFitter  # noqa: PLC0415 - an extra that only benchmarks need

    rows, _ = replay.at(horizon_days)
    model = CoxPHFitter(penalizer=PENALTY)
    known = Lives.of(replay.trained.view, replay.trained.training.rows.names)
    model.fit(known.gaps(to_numpy(replay.window.start)), "days", "ended", strata=["stratum"])
    lives = Lives.of(hindsight, rows.names)
    told = np.array([lives.at(node, moment) for node, moment in zip(rows.node.tolist(), rows.ts, strict=True)])
    risk = np.exp((told[:, 1:] - model._norm_mean[list(COVARIATES)].to_numpy()) @ model.params_[list(COVARIATES)])
    hazard = np.empty(len(rows))
    for stratum in np.unique(lives.stratum):
        chosen = lives.stratum[rows.node] == stratum
        hazard[chosen] = _cumulative(model, stratum, told[chosen, 0], horizon_days)
    return np.asarray(-np.expm1(-hazard * risk))


def _cumulative(model: object, stratum: str, age: Floats, horizon_days: float) -> Floats:
    """Give the baseline hazard between an age and the horizon after it; its mean slope goes on past the last gap."""
    table = model.baseline_cumulative_hazard_  # type: ignore[attr-defined]  # lifelines ships no types
    column = stratum if stratum in table.columns else table.columns[0]
    times, values = table.index.to_numpy(), table[column].ffill().to_numpy()
    slope = values[-1] / max(times[-1], 1.0)

    def at(days: Floats) -> Floats:
        return np.asarray(np.interp(days, times, values) + slope * np.maximum(days - times[-1], 0))

    return at(age + horizon_days) - at(age)
