"""What is counted of each slice, and the same counts in every resample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_diag, coo_array, csc_array, vstack

from models.evaluation.alarm_budgets import outcome
from models.evaluation.alarms import alarmed_rows
from models.evaluation.slices.groups import NOBODY
from models.metrics.bootstrap import join_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from features.grid import Index
    from models.evaluation.alarm_budgets import Outcome
    from models.evaluation.context import EvaluationContext, Strata
    from models.evaluation.slices.groups import Division

Floats = NDArray[np.float64]
Sums = dict[str, Floats]  # by name: one number a slice, or a row of resamples
OF_ROWS: Final = ("observed", "expected")
OF_ALARMS: Final = ("kept_alarms", "hits")
OF_FAILURES: Final = ("failures", "caught")


@dataclass(frozen=True, slots=True)
class Seen:
    """What is parted: the cases, one model's probabilities, and its alarms at one budget."""

    bench: EvaluationContext
    probability: Floats
    result: Outcome
    share: float

    @classmethod
    def of(cls, bench: EvaluationContext, probability: Floats, share: float) -> Seen:
        """Raise alarms on a share of the nodes at each cutoff."""
        rows = alarmed_rows(bench.roster, probability, [share])[share]
        return cls(bench, probability, outcome(bench, probability, rows), share)


@dataclass(frozen=True, slots=True)
class SliceNumbers:
    """A division's groups as slices: where each group is counted; NOBODY for those that are not."""

    division: Division
    place: Index

    def of(self, group: Index) -> Index:
        """Give the slice of each row, alarm or failure, by its group."""
        return np.append(self.place, NOBODY)[group]  # a group of NOBODY is the last one


def count(seen: Seen, division: Division) -> Sums:
    """Count what each group holds: rows with a label, alarms, and failures."""
    size = len(division.labels)
    return {
        name: np.bincount(group[group != NOBODY], weights=values[group != NOBODY], minlength=size).astype(np.float64)
        for name, (group, values) in _items(seen, division).items()
    }


def _items(seen: Seen, division: Division) -> dict[str, tuple[Index, Floats]]:
    """Give the group of each thing that is counted, and what it counts for."""
    bench, result = seen.bench, seen.result
    row, alarm, failure = division.of_row[bench.kept], division.of_row[result.rows], division.of_failure
    return {
        "rows": (row, np.ones(len(row))),
        "observed": (row, bench.label),
        "expected": (row, seen.probability[bench.kept]),
        "alarms": (alarm, np.ones(len(alarm))),
        "kept_alarms": (alarm, (~np.isnan(result.label)).astype(np.float64)),
        "hits": (alarm, np.nan_to_num(result.label)),
        "failures": (failure, np.ones(len(failure))),
        "caught": (failure, np.isfinite(result.lead_hours).astype(np.float64)),
    }


def draw(seen: Seen, strata: Strata, told: Sequence[SliceNumbers], size: int) -> Sums:
    """Count in every resample what `size` slices hold, with the weights that the whole window is judged by."""
    blocks = (
        (OF_ROWS, strata.distinct, strata.of_kept),
        (OF_ALARMS, strata.rows[seen.result.rows], np.arange(len(seen.result.rows))),
        (OF_FAILURES, strata.failures, np.arange(len(strata.failures.node))),
    )
    items = [_items(seen, one.division) for one in told]

    def spread(name: str, column: NDArray[np.intp], width: int) -> csc_array:
        """Lay out what each cell (columns) adds to each slice (rows)."""
        group = np.concatenate([one.of(own[name][0]) for one, own in zip(told, items, strict=True)])
        values = np.concatenate([own[name][1] for own in items])
        inside = group != NOBODY
        where = (group[inside], np.tile(column, len(told))[inside])
        return coo_array((values[inside], where), shape=(size, width)).tocsc()

    parts = [vstack([spread(name, column, len(cells.node)) for name in names]) for names, cells, column in blocks]
    cells = join_cells([cells for _, cells, _ in blocks])
    sums = np.concatenate(list(strata.resampler.sums(csc_array(block_diag(parts)), cells)), axis=1)
    names = [*OF_ROWS, *OF_ALARMS, *OF_FAILURES]
    return dict(zip(names, np.split(sums, len(names)), strict=True))
