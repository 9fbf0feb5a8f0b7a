"""Selects the nodes for the timeline, each with its alarms, failures and repairs over the test window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.schema import EventKind
from features.grid import to_numpy, to_step
from pipelines.report.values.node_periods import blind_periods, event_periods

if TYPE_CHECKING:
    from datetime import timedelta

    from data.view import View
    from models.backtest.replay import BacktestWindow
    from models.evaluation.alarm_episodes import AlarmHistory
    from pipelines.report.values.node_periods import NodePeriods

MOST_FAILED: Final = 20  # nodes that failed
MOST_ALARMED: Final = 10  # nodes that had alarms and did not fail


@dataclass(frozen=True, slots=True)
class HeldAlarm:
    """An alarm, from the forecast that raised it to the end of the horizon, for which it holds."""

    start: np.datetime64
    end: np.datetime64
    label: float  # 1: a failure followed; 0: none did; NaN: unknown


@dataclass(frozen=True, slots=True)
class FailureMark:
    """A failure, and how many hours ahead its alarm came; NaN if none did."""

    start: np.datetime64
    lead_hours: float


@dataclass(frozen=True, slots=True)
class NodeTimeline:
    """One node's row of the timeline."""

    node: str
    alarms: tuple[HeldAlarm, ...]
    failures: tuple[FailureMark, ...]
    repairs: NodePeriods
    maintenance: NodePeriods


@dataclass(frozen=True, slots=True)
class Timelines:
    """The rows of the timeline, and how many nodes with alarms or failures are left out."""

    start: np.datetime64
    end: np.datetime64
    blind: NodePeriods
    nodes: tuple[NodeTimeline, ...]
    left_out: int


def node_timelines(history: AlarmHistory, hindsight: View, window: BacktestWindow, horizon: timedelta) -> Timelines:
    """Select the nodes that failed most, then those that had most alarms without failing.

    An alarm holds for the horizon.
    """
    start, end = to_numpy(window.start), to_numpy(window.end)
    size, failed_node, alarmed_node = len(history.names), history.failures.node, history.episodes.node
    failures = np.bincount(failed_node[failed_node >= 0], minlength=size)
    alarms = np.bincount(alarmed_node, minlength=size)
    of_interest = np.flatnonzero((failures > 0) | (alarms > 0))
    ranked = of_interest[np.lexsort((-alarms[of_interest], -failures[of_interest]))]
    failed, alarmed = ranked[failures[ranked] > 0], ranked[failures[ranked] == 0]
    selected = np.concatenate([failed[:MOST_FAILED], alarmed[:MOST_ALARMED]]).tolist()
    names = [history.names[node] for node in selected]
    repairs, maintenance = (
        event_periods(hindsight, names, kind) for kind in (EventKind.FAILURE, EventKind.MAINTENANCE)
    )
    return Timelines(
        start,
        end,
        blind_periods(hindsight).within(start, end),
        tuple(
            NodeTimeline(
                name,
                held_alarms(history, node, horizon),
                _failures(history, node),
                repairs[name].within(start, end),
                maintenance[name].within(start, end),
            )
            for node, name in zip(selected, names, strict=True)
        ),
        len(ranked) - len(selected),
    )


def held_alarms(history: AlarmHistory, node: int, horizon: timedelta) -> tuple[HeldAlarm, ...]:
    """Return the alarms of one node, in the order of time."""
    episodes, held = history.episodes, to_step(horizon)
    return tuple(
        HeldAlarm(episodes.first[i], episodes.last[i] + held, float(episodes.label[i]))
        for i in np.flatnonzero(episodes.node == node)
    )


def _failures(history: AlarmHistory, node: int) -> tuple[FailureMark, ...]:
    failures = history.failures
    return tuple(
        FailureMark(failures.start[i], float(failures.lead_hours[i])) for i in np.flatnonzero(failures.node == node)
    )
