"""The nodes most worth seeing, each with its alarms, failures and repairs over the test window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.schema import EventKind
from features.grid import to_numpy, to_step
from pipelines.report.values import node_periods

if TYPE_CHECKING:
    from datetime import timedelta

    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Index
    from models.backtest.replay import BacktestWindow
    from models.evaluation.alarm_episodes import AlarmHistory
    from pipelines.report.values.node_periods import NodePeriods

FAILED: Final = 20  # nodes that failed
ALARMED: Final = 10  # nodes that did not, and were alarmed all the same


@dataclass(frozen=True, slots=True)
class Alarm:
    """An episode: from its first alarm to a step after its last one."""

    start: np.datetime64
    end: np.datetime64
    alarms: int
    label: float  # 1 a failure followed, 0 none did, NaN it can't be told


@dataclass(frozen=True, slots=True)
class Hit:
    """A failure, and how many hours ahead the first alarm came; NaN if none did."""

    start: np.datetime64
    lead_hours: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One node's row of the timeline."""

    node: str
    alarms: tuple[Alarm, ...]
    failures: tuple[Hit, ...]
    repairs: NodePeriods
    maintenance: NodePeriods


@dataclass(frozen=True, slots=True)
class Lanes:
    """The rows of the timeline, and how many nodes with alarms or failures are left out."""

    start: np.datetime64
    end: np.datetime64
    blind: NodePeriods
    lanes: tuple[Lane, ...]
    left_out: int


def lanes(story: AlarmHistory, hindsight: View, window: BacktestWindow, step: timedelta) -> Lanes:
    """Pick the nodes that failed most, then those that were alarmed most without failing."""
    start, end = to_numpy(window.start), to_numpy(window.end)
    failures, alarms = _counts(story.failures.node, story), _alarm_counts(story)
    of_interest = np.flatnonzero((failures > 0) | (alarms > 0))
    ranked = of_interest[np.lexsort((-alarms[of_interest], -failures[of_interest]))]
    failed, alarmed = ranked[failures[ranked] > 0], ranked[failures[ranked] == 0]
    picked = np.concatenate([failed[:FAILED], alarmed[:ALARMED]]).tolist()
    names = [story.names[node] for node in picked]
    repairs, maintenance = (
        node_periods.down(hindsight, names, kind) for kind in (EventKind.FAILURE, EventKind.MAINTENANCE)
    )
    return Lanes(
        start,
        end,
        node_periods.blind(hindsight).within(start, end),
        tuple(
            Lane(
                name,
                _alarms(story, node, to_step(step)),
                _hits(story, node),
                repairs[name].within(start, end),
                maintenance[name].within(start, end),
            )
            for node, name in zip(picked, names, strict=True)
        ),
        len(ranked) - len(picked),
    )


def _counts(node: NDArray[np.int32], story: AlarmHistory) -> Index:
    return np.bincount(node[node >= 0], minlength=len(story.names)).astype(np.int64)


def _alarm_counts(story: AlarmHistory) -> Index:
    counted = np.bincount(story.episodes.node, weights=story.episodes.alarms, minlength=len(story.names))
    return counted.astype(np.int64)


def _alarms(story: AlarmHistory, node: int, step: np.timedelta64) -> tuple[Alarm, ...]:
    episodes, own = story.episodes, np.flatnonzero(story.episodes.node == node)
    return tuple(
        Alarm(episodes.first[at], episodes.last[at] + step, int(episodes.alarms[at]), float(episodes.label[at]))
        for at in own
    )


def _hits(story: AlarmHistory, node: int) -> tuple[Hit, ...]:
    failures, own = story.failures, np.flatnonzero(story.failures.node == node)
    return tuple(Hit(failures.start[at], float(failures.lead_hours[at])) for at in own)
