"""Tells which cause a node's next failure would likely have, or why nobody can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from models.causes import trees
from models.causes.counts import tally
from models.causes.labels import OTHER, Causes
from models.causes.least_probability import NEVER

if TYPE_CHECKING:
    import lightgbm as lgb

    from data.view import View
    from features.population.at_risk import Rows
    from models.causes.blend import Blend
    from models.causes.dirichlet import DirichletHierarchy

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
UNKNOWN: Final = "unknown"
NAMED: Final = 2  # causes named beside 'unknown'
_UNPROVEN: Final = "of failures not seen in training, too few could be told"


@dataclass(frozen=True, slots=True)
class CauseForecast:
    """The likely cause of a node's next failure and its probability; or 'unknown', and why."""

    cause: str
    probability: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class CauseModel:
    """What was learned of causes, and from how much."""

    causes: Causes
    shrinkage: DirichletHierarchy
    booster: lgb.Booster | None  # None: the shares alone
    mixing: Blend
    least_probability: float  # of the leading cause, before it is told
    failures: int  # in training, with a known cause
    unexplained: int  # in training, without
    doubt: str = ""  # why nothing is told; empty: it is

    @property
    def summary(self) -> str:
        """Say of how many failures the cause is known, and what can be told of it."""
        known = f"{self.failures:,} of {self.failures + self.unexplained:,} failures have a known cause"
        if self.doubt:
            return f"likely cause: unknown for every node: {self.doubt} ({known})"
        named = ", ".join(self.causes.names[:-1])
        if self.least_probability >= NEVER:
            return f"likely cause: unknown for every node: {_UNPROVEN} ({known}: {named})"
        return f"likely causes: {known}: {named}; told where the leading one has {self.least_probability:.0%} or more"

    def probabilities(self, view: View, rows: Rows, features: Matrix) -> Floats:
        """Give the probability of each cause, if the row's node fails: rows x causes, by the view at each cutoff."""
        shares = self.shrinkage.shares(tally(view, rows, self.causes))
        return self.mixing.probabilities(shares, trees.scores(self.booster, features) if self.booster else None)

    def is_told(self, probabilities: Floats) -> NDArray[np.bool_]:
        """Tell which rows get an answer: their leading cause has a name, and is likely enough."""
        leading = probabilities.argmax(axis=1)
        enough = probabilities.max(axis=1) >= self.least_probability
        return np.asarray(enough & (leading < len(self.causes.names) - 1) & (not self.doubt))

    def answers(self, probabilities: Floats) -> list[CauseForecast]:
        """Say each row's likely cause."""
        told = self.is_told(probabilities)
        return [self._answer(row, is_told=bool(known)) for row, known in zip(probabilities, told, strict=True)]

    def _answer(self, row: Floats, *, is_told: bool) -> CauseForecast:
        order = np.argsort(-row, kind="stable")
        if is_told:
            return CauseForecast(self.causes.names[order[0]], float(row[order[0]]))
        return CauseForecast(UNKNOWN, None, self.doubt or self._undecided(row, order[:NAMED].tolist()))

    def _undecided(self, row: Floats, leading: list[int]) -> str:
        named = ", ".join(f"{self.causes.names[at]} {row[at]:.0%}" for at in leading)
        if self.causes.names[leading[0]] == OTHER:
            return f"{named}: rare causes lead"
        if self.least_probability >= NEVER:
            return f"{named}: such answers were not right often enough so far"
        return f"{named}: none reaches {self.least_probability:.0%}"
