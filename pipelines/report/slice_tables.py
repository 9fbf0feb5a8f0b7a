"""Writes the tables of slices of the fleet: where the forecast does well, and where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.evaluation.slices.groups import AGE, CAUSE, HISTORY, NOT_GIVEN, WORK
from pipelines.output.backtest_notes import expected_failures, slice_name
from pipelines.output.estimates import with_interval
from pipelines.report.terms import percentage, typeset
from serving.formats import number, pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.evaluation.slices.slices import Slice, Slicing

TITLES: Final = {
    "rack": "By rack",
    "hardware": "By hardware model",
    "partition": "By partition",
    AGE: "By age: how long a node had been known",
    HISTORY: "By history",
    WORK: "By work: whether a node had any at the last forecast",
    CAUSE: "By cause",
}
PLURALS: Final = {"rack": "racks", "hardware": "models", "partition": "partitions", CAUSE: "causes"}
HEADS: Final = ("failures", "caught", "expected", "observed / expected", "precision", "share of alarms", "node-days")
CAUSE_HEADS: Final = ("failures", "caught")
WHOLE_NODE_DAYS: Final = 10
WHOLE_FLEET: Final = "the whole fleet"


@dataclass(frozen=True, slots=True)
class SliceRow:
    """A slice as text."""

    label: str
    cells: tuple[str, ...]
    kind: str  # the CSS class: 'fleet', 'off', 'others' or empty


@dataclass(frozen=True, slots=True)
class SliceTable:
    """A grouping as text."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[SliceRow, ...]


def slice_tables(slicing: Slicing) -> list[SliceTable]:
    """Return a table for each grouping, with the whole fleet in its first row, and one for the causes."""
    whole = SliceRow(WHOLE_FLEET, _cells(slicing.fleet), "fleet")
    tables = [
        SliceTable(TITLES[grouping], HEADS, (whole, *(_row(grouping, part) for part in slices)))
        for grouping, slices in slicing.groupings.items()
    ]
    of_causes = tuple(_row(CAUSE, part) for part in slicing.causes)
    return [*tables, *([SliceTable(TITLES[CAUSE], CAUSE_HEADS, of_causes)] if of_causes else [])]


def comparison_sentences(slicing: Slicing) -> Iterator[str]:
    """Yield how many slices were compared, how many of them chance would make unusual, and which stand out."""
    if not slicing.compared:
        return
    yield (
        f"{pluralize(slicing.compared, 'part')} of the fleet {'was' if slicing.compared == 1 else 'were'} compared "
        f"with the forecast. If it were right for all of them, chance alone would make about {slicing.by_chance:.1f} "
        f"unusual (one in twenty); {slicing.unusual} {'is' if slicing.unusual == 1 else 'are'}."
    )
    outliers = [
        f"{slice_name(grouping, part.label)} ({part.failures:,} failed, {expected_failures(part)} expected)"
        for grouping, part in slicing.outliers
    ]
    number = len(outliers)
    yield (
        f"With so many comparisons, {number} still {'stands' if number == 1 else 'stand'} out: {', '.join(outliers)}."
        if outliers
        else "With so many comparisons, none stands out."
    )


def _row(grouping: str, part: Slice) -> SliceRow:
    kind = "off" if part.stands_out else "others" if part.pooled else ""
    return SliceRow(_label(grouping, part), _cause_cells(part) if grouping == CAUSE else _cells(part), kind)


def _label(grouping: str, part: Slice) -> str:
    if part.pooled:
        return f"{part.pooled:,} other {PLURALS[grouping]}"
    return f"{grouping} {NOT_GIVEN}" if part.label == NOT_GIVEN else part.label


def _cells(part: Slice) -> tuple[str, ...]:
    """Return the cells of a slice, under HEADS."""
    figures = part.figures
    return (
        f"{part.failures:,}",
        with_interval(figures["caught_share"], percentage),
        expected_failures(part),
        with_interval(figures["observed_over_expected"], typeset),
        with_interval(figures["precision"], percentage),
        percentage(part.share_of_alarms),
        _node_days(part.node_days),
    )


def _node_days(days: float) -> str:
    """Return whole node-days; of a few, with which short forecasts are evaluated, two digits."""
    return f"{days:,.0f}" if days >= WHOLE_NODE_DAYS else number(days, 2)


def _cause_cells(part: Slice) -> tuple[str, ...]:
    """Return the cells of a cause, under CAUSE_HEADS: an alarm has no known cause."""
    return f"{part.failures:,}", with_interval(part.figures["caught_share"], percentage)
