"""How a forecast does on parts of the fleet: a good average can hide a rack that it knows nothing of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from models.evaluation.context import FEWEST_FAILURES
from models.evaluation.slices.groups import NOBODY, causes, divisions, whole
from models.evaluation.slices.layout import lay_out
from models.evaluation.slices.significance import NOMINAL, compare, in_failures
from models.evaluation.slices.sums import SliceNumbers, count, draw
from models.metrics.estimate import Estimate, divide
from models.metrics.metrics import quotient

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Index
    from models.evaluation.context import EvaluationContext
    from models.evaluation.slices.groups import Division
    from models.evaluation.slices.layout import SliceLayout
    from models.evaluation.slices.sums import Seen, Sums

QUOTIENTS: Final = {
    "caught_share": ("caught", "failures"),
    "precision": ("hits", "kept_alarms"),
    "observed_over_expected": ("observed", "expected"),
}


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of the fleet, under the fleet's alarms: counts, and figures as the protocol measures them."""

    label: str
    pooled: int  # so many slices with few failures are taken together here; 0: it is one of its own
    node_days: int
    alarms: int
    share_of_alarms: float | None
    failures: int
    caught: int
    expected_failures: float  # as many as were forecast
    figures: Mapping[str, Estimate]
    is_off: bool  # it failed more or less often than forecast, by more than chance

    def to_json(self) -> dict[str, object]:
        """Give counts and figures by name; those of node-days and alarms only where it has node-days."""
        of_rows = {
            "node_days": self.node_days,
            "alarms": self.alarms,
            "share_of_alarms": self.share_of_alarms,
            "failures_expected": self.expected_failures,
            "stands_out": self.is_off,
        }
        counts = {"failures": self.failures, "failures_caught": self.caught}
        figures = {
            name: figure.to_json() for name, figure in self.figures.items() if self.node_days or name == "caught_share"
        }
        return {"slice": self.label, "pooled": self.pooled, **counts, **(of_rows if self.node_days else {}), **figures}


@dataclass(frozen=True, slots=True)
class Slicing:
    """The slices of one model, horizon and budget."""

    share: float
    fleet: Slice
    parts: Mapping[str, tuple[Slice, ...]]  # by rack, hardware, ...
    causes: tuple[Slice, ...]  # failures only: nobody knows an alarm's cause
    dispersion: float  # how much more failures scatter than if each came on its own
    compared: int  # slices that were looked at, shown or pooled
    unusual: int  # of them: those that chance alone brings about one time in twenty

    @property
    def by_chance(self) -> float:
        """Give how many slices would be unusual if the forecast were right for all of them."""
        return NOMINAL * self.compared

    @property
    def off(self) -> tuple[tuple[str, Slice], ...]:
        """Give the slices that stand out, each with its division, those furthest from the forecast first."""
        found = [(name, one) for name, slices in self.parts.items() for one in slices if one.is_off]
        return tuple(sorted(found, key=lambda own: -abs(own[1].failures - own[1].expected_failures)))

    def to_json(self) -> dict[str, object]:
        """Give every slice that is shown, by division, and how many were compared."""
        parts = {**self.parts, **({"cause": self.causes} if self.causes else {})}
        return {
            "alarm_share": self.share,
            "fleet": self.fleet.to_json(),
            "by": {name: [one.to_json() for one in slices] for name, slices in parts.items()},
            "dispersion": self.dispersion,
            "compared": self.compared,
            "unusual": self.unusual,
            "unusual_by_chance": self.by_chance,
        }


def slice_up(seen: Seen, hindsight: View, idle: NDArray[np.float64] | None = None) -> Slicing:
    """Part one model's alarms at one budget, and what came of them, by every division that sets something apart.

    `idle`: of each row, 1 where its node had no work, 0 where it had, NaN where nobody knows.
    """
    told, by_cause = divisions(seen.bench, hindsight, idle), causes(seen.bench, hindsight)
    sums = [count(seen, one) for one in told]
    compared = compare(seen.bench, seen.probability, sums)
    plain = [whole(seen.bench), *([by_cause] if by_cause else [])]
    layouts = [*_plain(seen, plain), *map(lay_out, told, sums, compared.chance, compared.is_odd)]
    made = [tuple(slices) for slices in _slices(seen, layouts)]
    parts = made[len(plain) :]
    return Slicing(
        seen.share,
        made[0][0],
        {one.name: slices for one, slices in zip(told, parts, strict=True)},
        made[1] if by_cause else (),
        compared.dispersion,
        compared.count,
        compared.unusual,
    )


def _plain(seen: Seen, told: Sequence[Division]) -> Iterator[SliceLayout]:
    """Lay out what is not compared with its forecast."""
    for one in told:
        size = len(one.labels)
        yield lay_out(one, count(seen, one), np.ones(size), np.zeros(size, dtype=bool))


def _slices(seen: Seen, layouts: Sequence[SliceLayout]) -> Iterator[Iterator[Slice]]:
    """Measure every slice, with intervals for those that have failures enough."""
    numbers = _numbers(seen.bench, layouts)
    draws = _draws(seen, layouts, numbers)
    for layout, number in zip(layouts, numbers, strict=True):
        yield (_slice(seen, layout, at, _own(draws, place)) for at, place in enumerate(number.tolist()))


def _numbers(bench: EvaluationContext, layouts: Sequence[SliceLayout]) -> list[Index]:
    """Number the slices that get an interval, over all divisions; NOBODY for the others."""
    enough = [(one.sums["failures"] >= FEWEST_FAILURES) & (bench.strata is not None) for one in layouts]
    ends = np.cumsum([0, *(own.sum() for own in enough)])
    return [np.where(own, begin + np.cumsum(own) - 1, NOBODY) for own, begin in zip(enough, ends, strict=False)]


def _draws(seen: Seen, layouts: Sequence[SliceLayout], numbers: Sequence[Index]) -> Sums:
    size, strata = int(max(own.max(initial=NOBODY) for own in numbers)) + 1, seen.bench.strata
    if not size or strata is None:
        return {}
    told = [
        SliceNumbers(one.places.division, np.append(number, NOBODY)[one.places.place])
        for one, number in zip(layouts, numbers, strict=True)
    ]
    return draw(seen, strata, told, size)


def _own(draws: Sums, place: int) -> Sums:
    return {} if place == NOBODY else {name: own[place] for name, own in draws.items()}


def _slice(seen: Seen, layout: SliceLayout, at: int, draws: Sums) -> Slice:
    own = {name: float(values[at]) for name, values in layout.sums.items()}
    figures = {
        name: Estimate(quotient(own[above], own[below]), divide(draws[above], draws[below]) if draws else None)
        for name, (above, below) in QUOTIENTS.items()
    }
    level = figures["observed_over_expected"]
    return Slice(
        layout.labels[at],
        layout.pooled[at],
        int(own["rows"]) * seen.bench.cases.every_days,
        int(own["alarms"]),
        quotient(own["alarms"], len(seen.result.rows)),
        int(own["failures"]),
        int(own["caught"]),
        own["failures"] / level.value if level.value else own["expected"] * in_failures(seen.bench),
        figures,
        bool(layout.is_odd[at]) and _excludes_one(level),
    )


def _excludes_one(level: Estimate) -> bool:
    low, high = level.bounds()
    return low is None or high is None or not low <= 1 <= high
