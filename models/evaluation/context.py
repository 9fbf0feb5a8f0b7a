"""What every model of one horizon is measured against, worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.evaluation.alarms import earliest, roster
from models.evaluation.evaluation_set import timeline, window_failures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.evaluation.alarms import Roster
    from models.evaluation.evaluation_set import EvaluationSet, Failures, ScoringTimes
    from models.metrics.bootstrap import Cells, Resampler

FEWEST_FAILURES: Final = 20


@dataclass(frozen=True, slots=True)
class Strata:
    """The resampler and the weights' cells of rows and failures; `distinct` are those of kept rows without repeats."""

    resampler: Resampler
    rows: Cells
    failures: Cells
    distinct: Cells
    of_kept: NDArray[np.intp]  # each kept row's place in `distinct`


@dataclass(frozen=True, slots=True)
class EvaluationContext:
    """The cases of one horizon with everything that does not depend on the model."""

    cases: EvaluationSet
    line: ScoringTimes
    roster: Roster
    kept: NDArray[np.intp]  # rows with a label
    failures: Failures
    failures_scorable: int
    strata: Strata | None  # None: too few failures for an interval

    @property
    def label(self) -> NDArray[np.float64]:
        """Give the labels of the kept rows."""
        return self.cases.label[self.kept]

    def caught_at(self, rows: NDArray[np.intp]) -> NDArray[np.datetime64]:
        """Give the earliest of these rows that could have warned of each failure; NaT where there is none."""
        return earliest(rows, self.failures, self.line, self.cases.horizon)


def set_up(cases: EvaluationSet, resampler: Resampler) -> EvaluationContext:
    """Work out what does not depend on the model."""
    line, kept, failures = timeline(cases), np.flatnonzero(cases.is_kept), window_failures(cases)
    scorable = earliest(np.arange(len(cases.node)), failures, line, cases.horizon)
    enough = len(failures.start) >= FEWEST_FAILURES and len(kept) > 0
    strata = _stratify(cases, kept, failures, resampler) if enough else None
    return EvaluationContext(cases, line, roster(cases, line), kept, failures, int((~np.isnat(scorable)).sum()), strata)


def _stratify(cases: EvaluationSet, kept: NDArray[np.intp], failures: Failures, resampler: Resampler) -> Strata:
    rows = resampler.cells(cases.names, cases.node, cases.ts)
    of_failures = resampler.cells(cases.names, failures.node, failures.start)
    cells = rows[kept]
    is_new = np.ones(len(kept), dtype=bool)
    is_new[1:] = (cells.node[1:] != cells.node[:-1]) | (cells.week[1:] != cells.week[:-1])
    return Strata(resampler, rows, of_failures, cells[is_new], np.cumsum(is_new) - 1)
