"""What every model of one horizon is measured against, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.evaluation.alarms import RowsByTime, earliest_warnings
from models.evaluation.evaluation_set import ScoringTimes, window_failures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.grid import Array, Times
    from models.evaluation.evaluation_set import EvaluationSet, Failures
    from models.metrics.bootstrap import NodeWeekCells, Resampler

FEWEST_FAILURES: Final = 20


@dataclass(frozen=True, slots=True)
class BootstrapCells:
    """The resampler of a window, and its cells of rows and failures."""

    resampler: Resampler
    rows: NodeWeekCells
    failures: NodeWeekCells
    distinct: NodeWeekCells  # those of the kept rows, without repeats
    of_kept: NDArray[np.intp]  # each kept row's position in `distinct`

    @classmethod
    def of(
        cls, cases: EvaluationSet, kept: NDArray[np.intp], failures: Failures, resampler: Resampler
    ) -> BootstrapCells:
        """Find the cells of an evaluation set."""
        rows = resampler.cells(cases.names, cases.node, cases.ts)
        of_failures = resampler.cells(cases.names, failures.node, failures.start)
        cells = rows[kept]
        is_new = np.ones(len(kept), dtype=bool)
        is_new[1:] = (cells.node[1:] != cells.node[:-1]) | (cells.week[1:] != cells.week[:-1])
        return cls(resampler, rows, of_failures, cells[is_new], np.cumsum(is_new) - 1)


@dataclass(frozen=True, slots=True)
class EvaluationContext:
    """The cases of one horizon with everything that does not depend on the model."""

    cases: EvaluationSet
    scoring_times: ScoringTimes
    rows_by_time: RowsByTime
    kept: NDArray[np.intp]  # rows with a label
    failures: Failures
    failures_scorable: int  # whose node could be alarmed within the horizon before them
    bootstrap: BootstrapCells | None  # None: too few failures for an interval

    @classmethod
    def of(cls, cases: EvaluationSet, resampler: Resampler) -> EvaluationContext:
        """Compute what does not depend on the model."""
        scoring_times, failures = ScoringTimes.of(cases), window_failures(cases)
        kept = np.flatnonzero(cases.is_kept)
        scorable = earliest_warnings(np.flatnonzero(cases.can_alarm), failures, scoring_times, cases.horizon_step)
        is_enough = len(failures.start) >= FEWEST_FAILURES and len(kept) > 0
        return cls(
            cases,
            scoring_times,
            RowsByTime.of(cases, scoring_times),
            kept,
            failures,
            int((~np.isnat(scorable)).sum()),
            BootstrapCells.of(cases, kept, failures, resampler) if is_enough else None,
        )

    @property
    def label(self) -> Array:
        """Return the labels of the kept rows."""
        return self.cases.label[self.kept]

    def first_warnings(self, rows: NDArray[np.intp]) -> Times:
        """Return the time of the earliest of some rows within the horizon before each failure; NaT if there is none."""
        return earliest_warnings(rows, self.failures, self.scoring_times, self.cases.horizon_step)
