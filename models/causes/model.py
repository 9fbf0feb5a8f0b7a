"""The model of the likely cause of a node's next failure; where it is unsure, 'unknown' with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.causes import trees
from models.causes.counts import cause_counts
from models.causes.labels import OTHER, Causes
from models.causes.least_probability import NEVER

if TYPE_CHECKING:
    import lightgbm as lgb
    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Array
    from features.population.at_risk import Rows
    from models.causes.blend import Blend
    from models.causes.dirichlet import DirichletHierarchy

UNKNOWN: Final = "unknown"
SHOWN: Final = 2  # leading causes that are shown where none is given
_UNPROVEN: Final = "on failures that training had not seen, the leading cause was not right often enough"


@dataclass(frozen=True, slots=True)
class CauseForecast:
    """The likely cause of a node's next failure and its probability; or 'unknown', and why."""

    cause: str
    probability: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class CauseModel:
    """A fitted model of causes, and the number of failures that it was fitted to."""

    causes: Causes
    hierarchy: DirichletHierarchy
    booster: lgb.Booster | None  # None: the shares alone
    blend: Blend
    least_probability: float  # of the leading cause; below it, the cause is unknown
    failures: int  # in training, with a known cause
    unexplained: int  # in training, without
    doubt: str = ""  # why no cause is ever given; empty: causes are given

    @property
    def summary(self) -> str:
        """Describe how many failures have a known cause, and from which probability on causes are given."""
        counts = f"{self.failures:,} of {self.failures + self.unexplained:,} failures have a known cause"
        if self.doubt:
            return f"likely cause: unknown for every node: {self.doubt} ({counts})"
        named = ", ".join(self.causes.names[:-1])
        if self.least_probability >= NEVER:
            return f"likely cause: unknown for every node: {_UNPROVEN} ({counts}: {named})"
        return f"likely causes: {counts}: {named}; told where the leading one has {self.least_probability:.0%} or more"

    def probabilities(self, view: View, rows: Rows, features: NDArray[np.float32]) -> Array:
        """Return the probability of each cause if the row's node fails, by the view at each cutoff: rows x causes."""
        shares = self.hierarchy.shares(cause_counts(view, rows, self.causes))
        return self.blend.probabilities(shares, trees.scores(self.booster, features) if self.booster else None)

    def is_given(self, probabilities: Array) -> NDArray[np.bool_]:
        """Mark the rows that are given a cause: the leading one is not 'other', and is likely enough."""
        leading = probabilities.argmax(axis=1)
        is_likely = probabilities.max(axis=1) >= self.least_probability
        return np.asarray(is_likely & (leading < len(self.causes.names) - 1) & (not self.doubt))

    def forecasts(self, probabilities: Array) -> list[CauseForecast]:
        """Return each row's likely cause, or why it is unknown."""
        is_given = self.is_given(probabilities)
        return [self._forecast(row, is_given=bool(given)) for row, given in zip(probabilities, is_given, strict=True)]

    def _forecast(self, row: Array, *, is_given: bool) -> CauseForecast:
        order = np.argsort(-row, kind="stable")
        if is_given:
            return CauseForecast(self.causes.names[order[0]], float(row[order[0]]))
        return CauseForecast(UNKNOWN, None, self.doubt or self._why_unknown(row, order[:SHOWN].tolist()))

    def _why_unknown(self, row: Array, leading: list[int]) -> str:
        shown = ", ".join(f"{self.causes.names[cause]} {row[cause]:.0%}" for cause in leading)
        if self.causes.names[leading[0]] == OTHER:
            return f"{shown}: rare causes lead"
        if self.least_probability >= NEVER:
            return f"{shown}: leading causes were not right often enough so far"
        return f"{shown}: none reaches {self.least_probability:.0%}"
