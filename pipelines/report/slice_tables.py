"""The parts of the fleet side by side: where the forecast does well, and where it knows nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.evaluation.slices.groups import AGE, CAUSE, HISTORY, NOT_GIVEN, WORK
from pipelines.output.backtest_notes import expected_failures, slice_name
from pipelines.report.terms import share, typeset, with_interval
from serving.formats import pluralize

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
MANY: Final = {"rack": "racks", "hardware": "models", "partition": "partitions", CAUSE: "causes"}
HEADS: Final = ("failures", "caught", "expected", "observed / expected", "precision", "share of alarms", "node-days")
HEADS_OF_CAUSES: Final = ("failures", "caught")
LIKE_THE_FLEET: Final = "the whole fleet"


@dataclass(frozen=True, slots=True)
class SliceRow:
    """A slice as it is written."""

    label: str
    cells: tuple[str, ...]
    kind: str  # 'fleet', 'off', 'others' or nothing


@dataclass(frozen=True, slots=True)
class SliceTable:
    """A division as it is written."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[SliceRow, ...]


def tables(slicing: Slicing) -> list[SliceTable]:
    """Write every division, each with the whole fleet on top, and the causes."""
    told = [
        SliceTable(TITLES[name], HEADS, (_row(name, slicing.fleet, "fleet"), *(_row(name, one) for one in slices)))
        for name, slices in slicing.groupings.items()
    ]
    of_causes = tuple(_row(CAUSE, one) for one in slicing.causes)
    return [*told, *([SliceTable(TITLES[CAUSE], HEADS_OF_CAUSES, of_causes)] if of_causes else [])]


def _row(division: str, one: Slice, kind: str = "") -> SliceRow:
    told = kind or ("off" if one.stands_out else "others" if one.pooled else "")
    return SliceRow(
        LIKE_THE_FLEET if kind else _label(division, one), _of_cause(one) if division == CAUSE else _cells(one), told
    )


def _label(division: str, one: Slice) -> str:
    if one.pooled:
        return f"{one.pooled:,} other {MANY[division]}"
    return f"{division} {NOT_GIVEN}" if one.label == NOT_GIVEN else one.label


def _cells(one: Slice) -> tuple[str, ...]:
    figures = one.figures
    return (
        f"{one.failures:,}",
        with_interval(figures["caught_share"]),
        expected_failures(one),
        with_interval(figures["observed_over_expected"], typeset),
        with_interval(figures["precision"]),
        share(one.share_of_alarms),
        f"{one.node_days:,}",
    )


def _of_cause(one: Slice) -> tuple[str, ...]:
    return f"{one.failures:,}", with_interval(one.figures["caught_share"])


def words(slicing: Slicing) -> Iterator[str]:
    """Say how many slices were compared, how many of them chance would make unusual, and which stand out."""
    if not slicing.compared:
        return
    yield (
        f"{pluralize(slicing.compared, 'part')} of the fleet {'was' if slicing.compared == 1 else 'were'} held against "
        f"the forecast. Were it right for all of them, chance alone would make about {slicing.by_chance:.1f} unusual "
        f"(one in twenty); {slicing.unusual} {'is' if slicing.unusual == 1 else 'are'}."
    )
    off = [
        f"{slice_name(name, one.label)} ({one.failures:,} failed, {expected_failures(one)} expected)"
        for name, one in slicing.outliers
    ]
    yield (
        f"So many comparisons allowed for, {len(off)} {'stands' if len(off) == 1 else 'stand'} out: {', '.join(off)}."
        if off
        else "So many comparisons allowed for, none stands out."
    )
