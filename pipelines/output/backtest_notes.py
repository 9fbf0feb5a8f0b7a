"""What a backtest says in words under its tables: what is caught in time to act, and where the forecast is off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.evaluation.evaluate import MODEL
from models.evaluation.lead_times import caught_share_name, notice_within
from models.evaluation.slices.groups import AGE, AT_WORK, HISTORY, IDLE, WORK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.backtest.result import Backtest
    from models.evaluation.slices.slices import Slice, Slicing
    from models.metrics.estimate import Estimate

RIVAL: Final = "history"
MOST_NAMED: Final = 3  # slices that are told of on a terminal
SURE: Final = 10  # from so many failures on, a fraction of one says nothing


def notes(found: Backtest, horizon: float) -> Iterator[str]:
    """Say what the largest budget catches early enough to act, and which parts of the fleet the forecast gets wrong."""
    largest, evaluation = found.alarm_shares[-1], found.evaluations[horizon]
    for hours in notice_within(found.lead_hours, horizon):
        name = caught_share_name(hours)
        own = _told(evaluation.figure(name, MODEL, largest), 3)
        yield f"caught at least {hours} h ahead, alarms on {largest:.1%}: {own}"
        if RIVAL in evaluation.models:
            yield f"the same, {MODEL} / {RIVAL}: {_told(evaluation.ratio(name, MODEL, RIVAL, largest), 2)}"
    yield from at_work(found.slicings[horizon])
    yield from off(found.slicings[horizon])


def at_work(slicing: Slicing) -> Iterator[str]:
    """Say how many failures were caught on nodes that had work to lose, and on those that had none, if both failed."""
    parts = slicing.groupings.get(WORK, ())
    own = {one.label: f"{one.caught:,} of {one.failures:,}" for one in parts if one.failures}
    if {AT_WORK, IDLE} <= own.keys():
        busy, idle = own[AT_WORK], own[IDLE]
        yield f"failures caught on nodes at work: {busy}; on idle nodes, where a drain saves little: {idle}"


def _told(figure: Estimate, decimals: int) -> str:
    low, high = figure.bounds()
    value = "-" if figure.value is None else f"{figure.value:.{decimals}f}"
    return value if low is None or high is None else f"{value} [{low:.{decimals}f}, {high:.{decimals}f}]"


def off(slicing: Slicing) -> Iterator[str]:
    """Name the slices whose failures are more or fewer than forecast by more than chance, the furthest off first."""
    for division, one in slicing.outliers[:MOST_NAMED]:
        yield f"{subject(division, one.label)}: {one.failures:,} failed, {expected(one)} expected"
    if len(slicing.outliers) > MOST_NAMED:
        yield f"{len(slicing.outliers) - MOST_NAMED} more parts of the fleet are off: --report shows them"


def expected(one: Slice) -> str:
    """Write how many failures were forecast for a slice."""
    return f"{one.expected_failures:,.{0 if one.expected_failures >= SURE else 1}f}"


def subject(division: str, label: str) -> str:
    """Name a slice where its division isn't plain: 'rack 12', but 'rack-12' as it is."""
    if division == AGE:
        return f"nodes known for {label}"
    if division == HISTORY:
        return f"nodes that {label}" if label.startswith("have") else f"nodes {label}"
    if division == WORK:
        return {IDLE: "idle nodes", AT_WORK: "nodes at work"}.get(label, "nodes whose work nobody knows")
    return label if label.lower().startswith(division) else f"{division} {label}"
