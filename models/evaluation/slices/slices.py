"""How a forecast does on parts of the fleet: a good average can hide a rack for which the forecast is useless."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.time_grid import in_days
from models.evaluation.context import FEWEST_FAILURES
from models.evaluation.slices.groups import CAUSE, NO_GROUP, by_cause, groupings, whole_fleet
from models.evaluation.slices.pooling import lay_out
from models.evaluation.slices.significance import NOMINAL, compare, in_failures
from models.evaluation.slices.sums import SliceAssignment, count, draw
from models.metrics.estimate import Estimate, divide
from models.metrics.metrics import quotient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from data.view import View
    from features.grid import Array, Index
    from models.evaluation.context import EvaluationContext
    from models.evaluation.slices.groups import Grouping
    from models.evaluation.slices.pooling import SliceLayout
    from models.evaluation.slices.sums import ModelAlarms, SliceSums

NODE_DAY_DECIMALS: Final = 3
QUOTIENTS: Final = {
    "caught_share": ("caught", "failures"),
    "precision": ("hits", "kept_alarms"),
    "observed_over_expected": ("observed", "expected"),
}


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of the fleet, under the fleet's alarms: counts, and figures as the protocol measures them."""

    label: str
    pooled: int  # so many groups with few failures are counted together here; 0: a single group
    node_days: float
    alarms: int
    share_of_alarms: float | None
    failures: int
    caught: int
    expected_failures: float  # as many as were forecast
    figures: Mapping[str, Estimate]
    stands_out: bool  # it failed more or less often than forecast, beyond chance

    def to_json(self) -> dict[str, object]:
        """Return counts and figures by name; those of node-days and alarms only where it has node-days."""
        of_rows = {
            "node_days": round(self.node_days, NODE_DAY_DECIMALS),
            "alarms": self.alarms,
            "share_of_alarms": self.share_of_alarms,
            "failures_expected": self.expected_failures,
            "stands_out": self.stands_out,
        }
        counts = {"failures": self.failures, "failures_caught": self.caught}
        figures = {
            name: figure.to_json() for name, figure in self.figures.items() if self.node_days or name == "caught_share"
        }
        return {"slice": self.label, "pooled": self.pooled, **counts, **(of_rows if self.node_days else {}), **figures}


@dataclass(frozen=True, slots=True)
class Slicing:
    """The slices of one model, horizon and budget."""

    rate: float  # of alarm episodes, per node and day
    fleet: Slice
    groupings: Mapping[str, tuple[Slice, ...]]  # by rack, hardware, ...
    causes: tuple[Slice, ...]  # failures only: an alarm has no known cause
    dispersion: float  # how much more failures scatter than if each came independently
    compared: int  # slices that were compared with the forecast, shown or pooled
    unusual: int  # of them: those that chance alone brings about one time in twenty

    @property
    def by_chance(self) -> float:
        """Return how many slices would be unusual if the forecast were right for all of them."""
        return NOMINAL * self.compared

    @property
    def outliers(self) -> tuple[tuple[str, Slice], ...]:
        """Return the slices that stand out, each with its grouping, those furthest from the forecast first."""
        outliers = [(name, part) for name, slices in self.groupings.items() for part in slices if part.stands_out]
        return tuple(sorted(outliers, key=lambda pair: -abs(pair[1].failures - pair[1].expected_failures)))

    def to_json(self) -> dict[str, object]:
        """Return every slice that is shown, by grouping, and how many were compared."""
        groupings = {**self.groupings, **({CAUSE: self.causes} if self.causes else {})}
        return {
            "alarms_per_node_day": self.rate,
            "fleet": self.fleet.to_json(),
            "by": {name: [part.to_json() for part in slices] for name, slices in groupings.items()},
            "dispersion": self.dispersion,
            "compared": self.compared,
            "unusual": self.unusual,
            "unusual_by_chance": self.by_chance,
        }


def slice_alarms(alarms: ModelAlarms, hindsight: View, idle: Array | None = None) -> Slicing:
    """Slice one model's alarms at one budget, and what followed them, by every grouping that has several groups.

    `idle`: of each row, 1 where its node had no work, 0 where it had, NaN where this is unknown.
    """
    compared, of_causes = groupings(alarms.context, hindsight, idle), by_cause(alarms.context, hindsight)
    sums = [count(alarms, grouping) for grouping in compared]
    comparison = compare(alarms.context, alarms.probability, sums)
    plain = [whole_fleet(alarms.context), *([of_causes] if of_causes else [])]
    layouts = [
        *_plain_layouts(alarms, plain),
        *map(lay_out, compared, sums, comparison.p_value, comparison.is_significant),
    ]
    slices = [tuple(of_layout) for of_layout in _slices(alarms, layouts)]
    return Slicing(
        alarms.rate,
        slices[0][0],
        {grouping.name: parts for grouping, parts in zip(compared, slices[len(plain) :], strict=True)},
        slices[1] if of_causes else (),
        comparison.dispersion,
        comparison.count,
        comparison.unusual,
    )


def _plain_layouts(alarms: ModelAlarms, plain: Sequence[Grouping]) -> Iterator[SliceLayout]:
    """Lay out groupings that are not compared with their forecast."""
    for grouping in plain:
        size = len(grouping.labels)
        yield lay_out(grouping, count(alarms, grouping), np.ones(size), np.zeros(size, dtype=bool))


def _slices(alarms: ModelAlarms, layouts: Sequence[SliceLayout]) -> Iterator[Iterator[Slice]]:
    """Measure every slice of every layout, with intervals for those that have failures enough."""
    numbers = _numbers(alarms.context, layouts)
    draws = _draws(alarms, layouts, numbers)
    for layout, number in zip(layouts, numbers, strict=True):
        yield (_slice(alarms, layout, i, _of_slice(draws, row)) for i, row in enumerate(number.tolist()))


def _numbers(context: EvaluationContext, layouts: Sequence[SliceLayout]) -> list[Index]:
    """Number the slices that get an interval, over all layouts; NO_GROUP for the others."""
    is_enough = [(layout.sums["failures"] >= FEWEST_FAILURES) & (context.bootstrap is not None) for layout in layouts]
    begins = np.cumsum([0, *(enough.sum() for enough in is_enough)])
    return [
        np.where(enough, begin + np.cumsum(enough) - 1, NO_GROUP)
        for enough, begin in zip(is_enough, begins, strict=False)
    ]


def _draws(alarms: ModelAlarms, layouts: Sequence[SliceLayout], numbers: Sequence[Index]) -> SliceSums:
    size = int(max(number.max(initial=NO_GROUP) for number in numbers)) + 1
    bootstrap = alarms.context.bootstrap
    if not size or bootstrap is None:
        return {}
    assignments = [
        SliceAssignment(layout.assignment.grouping, np.append(number, NO_GROUP)[layout.assignment.slice_of_group])
        for layout, number in zip(layouts, numbers, strict=True)
    ]
    return draw(alarms, bootstrap, assignments, size)


def _of_slice(draws: SliceSums, row: int) -> SliceSums:
    return {} if row == NO_GROUP else {name: values[row] for name, values in draws.items()}


def _slice(alarms: ModelAlarms, layout: SliceLayout, position: int, draws: SliceSums) -> Slice:
    sums = {name: float(values[position]) for name, values in layout.sums.items()}
    figures = {
        name: Estimate(quotient(sums[top], sums[bottom]), divide(draws[top], draws[bottom]) if draws else None)
        for name, (top, bottom) in QUOTIENTS.items()
    }
    level = figures["observed_over_expected"]
    return Slice(
        layout.labels[position],
        layout.pooled[position],
        sums["rows"] * in_days(alarms.context.cases.every),
        int(sums["alarms"]),
        quotient(sums["alarms"], len(alarms.outcome.rows)),
        int(sums["failures"]),
        int(sums["caught"]),
        sums["failures"] / level.value if level.value else sums["expected"] * in_failures(alarms.context),
        figures,
        bool(layout.is_significant[position]) and _excludes_one(level),
    )


def _excludes_one(level: Estimate) -> bool:
    low, high = level.bounds()
    return low is None or high is None or not low <= 1 <= high
