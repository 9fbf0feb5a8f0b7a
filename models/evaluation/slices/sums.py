"""What is counted of each slice, and the same counts in every resample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.sparse import block_diag, coo_array, csc_array, vstack

from features.grid import Array
from models.evaluation.alarm_budgets import AlarmOutcome
from models.evaluation.alarm_rates import episode_rows
from models.evaluation.slices.groups import NO_GROUP
from models.metrics.bootstrap import concatenate_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from features.grid import Index
    from models.evaluation.context import BootstrapCells, EvaluationContext
    from models.evaluation.slices.groups import Grouping

SliceSums = dict[str, Array]  # by name: one number for each slice, or slices x resamples
OF_ROWS: Final = ("observed", "expected")
OF_ALARMS: Final = ("kept_alarms", "hits")
OF_FAILURES: Final = ("failures", "caught")


@dataclass(frozen=True, slots=True)
class ModelAlarms:
    """What is sliced: the cases, one model's probabilities, and its alarms at one budget."""

    context: EvaluationContext
    probability: Array
    outcome: AlarmOutcome
    rate: float  # of alarm episodes, per node and day

    @classmethod
    def of(cls, context: EvaluationContext, probability: Array, rate: float) -> ModelAlarms:
        """Begin alarm episodes at a rate."""
        begun = episode_rows(context.cases, context.rows_by_time, probability, [rate])[rate]
        return cls(context, probability, AlarmOutcome.of_episodes(context, probability, begun), rate)


@dataclass(frozen=True, slots=True)
class SliceAssignment:
    """Which slice each group of a grouping is counted in; NO_GROUP for those that are not counted."""

    grouping: Grouping
    slice_of_group: Index

    def of(self, group: Index) -> Index:
        """Return the slice of each row, alarm or failure, by its group."""
        return np.append(self.slice_of_group, NO_GROUP)[group]  # NO_GROUP (-1) finds the last one


def count(alarms: ModelAlarms, grouping: Grouping) -> SliceSums:
    """Count the rows with a label, the alarms and the failures of each group."""
    size = len(grouping.labels)
    return {
        name: np.bincount(group[group != NO_GROUP], weights=values[group != NO_GROUP], minlength=size).astype(
            np.float64
        )
        for name, (group, values) in _items(alarms, grouping).items()
    }


def _items(alarms: ModelAlarms, grouping: Grouping) -> dict[str, tuple[Index, Array]]:
    """Return, for each sum, the group and the value of every row, alarm or failure."""
    context, outcome = alarms.context, alarms.outcome
    row, alarm, failure = grouping.of_row[context.kept], grouping.of_row[outcome.rows], grouping.of_failure
    return {
        "rows": (row, np.ones(len(row))),
        "observed": (row, context.label),
        "expected": (row, alarms.probability[context.kept]),
        "alarms": (alarm, np.ones(len(alarm))),
        "kept_alarms": (alarm, (~np.isnan(outcome.label)).astype(np.float64)),
        "hits": (alarm, np.nan_to_num(outcome.label)),
        "failures": (failure, np.ones(len(failure))),
        "caught": (failure, np.isfinite(outcome.lead_hours).astype(np.float64)),
    }


def draw(
    alarms: ModelAlarms, bootstrap: BootstrapCells, assignments: Sequence[SliceAssignment], size: int
) -> SliceSums:
    """Count `size` slices in every resample, with the weights that the whole window is judged by."""
    blocks = (
        (OF_ROWS, bootstrap.distinct, bootstrap.of_kept),
        (OF_ALARMS, bootstrap.rows[alarms.outcome.rows], np.arange(len(alarms.outcome.rows))),
        (OF_FAILURES, bootstrap.failures, np.arange(len(bootstrap.failures.node))),
    )
    items = [_items(alarms, assignment.grouping) for assignment in assignments]

    def contributions(name: str, column: NDArray[np.intp], width: int) -> csc_array:
        """Return what each cell (columns) adds to each slice (rows)."""
        pairs = zip(assignments, items, strict=True)
        slices = np.concatenate([assignment.of(by_name[name][0]) for assignment, by_name in pairs])
        values = np.concatenate([by_name[name][1] for by_name in items])
        is_counted = slices != NO_GROUP
        coordinates = (slices[is_counted], np.tile(column, len(assignments))[is_counted])
        return coo_array((values[is_counted], coordinates), shape=(size, width)).tocsc()

    matrices = [
        vstack([contributions(name, column, len(cells.node)) for name in names]) for names, cells, column in blocks
    ]
    cells = concatenate_cells([cells for _, cells, _ in blocks])
    sums = np.concatenate(list(bootstrap.resampler.sums(csc_array(block_diag(matrices)), cells)), axis=1)
    names = [*OF_ROWS, *OF_ALARMS, *OF_FAILURES]
    return dict(zip(names, np.split(sums, len(names)), strict=True))
