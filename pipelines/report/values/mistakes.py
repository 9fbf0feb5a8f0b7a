"""Collects the worst mistakes in detail: missed failures with the lowest forecasts, and the surest false alarms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.outages import merge_failures
from data.schema import NODE, EventKind
from features.grid import Times, to_numpy, to_step, to_times
from models.evaluation.alarm_episodes import NEVER_AT_RISK
from pipelines.report.values.attributions import NO_ATTRIBUTION, attribute
from pipelines.report.values.metric_traces import Trace, TraceReader, moved_most
from pipelines.report.values.node_periods import event_periods
from pipelines.report.values.node_timelines import held_alarms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Array
    from models.backtest.replay import Replay
    from pipelines.report.values.horizon import HorizonStudy
    from pipelines.report.values.node_periods import NodePeriods
    from pipelines.report.values.node_timelines import HeldAlarm

MOST_MISSES: Final = 4
MOST_FALSE_ALARMS: Final = 4
MOST_METRICS: Final = 4
MOST_PEERS: Final = 1000
STEPS_BEFORE: Final = 20  # forecasts that are shown before a mistake, and half as many after it
STEPS_BEFORE_WITHOUT_TELEMETRY: Final = 60  # failures, which alone show what happened, are far apart
HORIZONS_AROUND: Final = 1.5  # at least so many are shown before and after


@dataclass(frozen=True, slots=True)
class RiskCurve:
    """A node's probability at each time, whether an alarm began with it, and for how long each alarm held.

    `lowest_alarmed` is the lowest probability of any node with which an alarm began at that time; NaN where none did.
    """

    times: Times
    probability: Array
    is_alarmed: NDArray[np.bool_]
    lowest_alarmed: Array
    alarms: tuple[HeldAlarm, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A missed failure or a false alarm: the node, the time, its rank, and its telemetry around that time."""

    node: str
    is_miss: bool
    moment: np.datetime64  # the failure's start, or the alarm's
    start: np.datetime64
    end: np.datetime64
    probability: float
    rank: int
    at_risk: int  # nodes at the same time
    reasons: tuple[str, ...]
    risk: RiskCurve
    traces: tuple[Trace, ...]
    failures: Times
    repairs: NodePeriods
    maintenance: NodePeriods


@dataclass(frozen=True, slots=True)
class MistakeReview:
    """Finds the worst mistakes of a replay at one horizon; `peers` are nodes that stand for the fleet."""

    study: HorizonStudy
    replay: Replay
    hindsight: View
    peers: tuple[str, ...]

    @classmethod
    def of(cls, study: HorizonStudy, replay: Replay, hindsight: View, rng: np.random.Generator) -> MistakeReview:
        """Draw the peers at random from the nodes of the study."""
        drawn = rng.permutation(np.unique(study.node))[:MOST_PEERS]
        return cls(study, replay, hindsight, tuple(study.history.names[node] for node in np.sort(drawn)))

    @property
    def known_until(self) -> np.datetime64:
        """The newest time in the records, at least the end of the window."""
        newest = to_times(self.hindsight.nodes()["as_of"])
        return np.datetime64(np.fmax.reduce(newest, initial=to_numpy(self.replay.window.end)))

    def misses(self) -> tuple[Mistake, ...]:
        """Return the missed failures of scored nodes with the lowest probabilities, one a node."""
        failures = self.study.history.failures
        missed = np.flatnonzero(np.isnan(failures.lead_hours) & (failures.peak_row != NEVER_AT_RISK))
        ordered = missed[np.argsort(self.study.probability[failures.peak_row[missed]], kind="stable")]
        selected = _first_of_each_node(ordered, failures.node, MOST_MISSES)
        return tuple(self._mistake(failures.peak_row[index], failures.start[index], is_miss=True) for index in selected)

    def false_alarms(self) -> tuple[Mistake, ...]:
        """Return the alarms with the highest probabilities that no failure followed, one a node."""
        episodes = self.study.history.episodes
        false = np.flatnonzero(episodes.label == 0)
        ordered = false[np.argsort(-self.study.probability[episodes.peak_row[false]], kind="stable")]
        selected = _first_of_each_node(ordered, episodes.node, MOST_FALSE_ALARMS)
        return tuple(self._mistake(row, self.study.ts[row], is_miss=False) for row in episodes.peak_row[selected])

    def _mistake(self, row: int, moment: np.datetime64, *, is_miss: bool) -> Mistake:
        study, history = self.study, self.study.history
        name = history.names[study.node[row]]
        start, end = self._around(moment)
        attributions = attribute(self.replay, self.hindsight, study.ts[row], [name], self.peers)
        attribution = attributions.get(name, NO_ATTRIBUTION)
        reader = TraceReader(self.hindsight, tuple(sorted({name, *self.peers})), name, start, end)
        return Mistake(
            name,
            is_miss,
            moment,
            start,
            end,
            float(study.probability[row]),
            int(history.rank[row]),
            int(history.at_risk[row]),
            attribution.reasons,
            self._risk(int(study.node[row]), start, end),
            self._traces(reader, moment, () if is_miss else attribution.metrics),
            self._failures(name, start, end),
            event_periods(self.hindsight, [name], EventKind.FAILURE)[name].within(start, end),
            event_periods(self.hindsight, [name], EventKind.MAINTENANCE)[name].within(start, end),
        )

    def _around(self, moment: np.datetime64) -> tuple[np.datetime64, np.datetime64]:
        """Return from when to when a mistake is shown: within the history and the records."""
        setup = self.replay.setup
        steps = STEPS_BEFORE if setup.metrics else STEPS_BEFORE_WITHOUT_TELEMETRY
        before, after = (
            to_step(max(count * setup.design.every, HORIZONS_AROUND * self.study.horizon))
            for count in (steps, steps / 2)
        )
        first = moment - before if setup.history_start is None else max(moment - before, to_numpy(setup.history_start))
        return min(first, moment - to_step(setup.design.every)), max(min(moment + after, self.known_until), moment)

    def _failures(self, node: str, start: np.datetime64, end: np.datetime64) -> Times:
        of_node = self.hindsight.events().filter(pl.col(NODE) == node)
        outages = merge_failures(of_node, self.replay.setup.design.repeat_within(self.study.horizon))
        starts = to_times(outages["start"])
        return starts[(starts >= start) & (starts <= end)]

    def _risk(self, node: int, start: np.datetime64, end: np.datetime64) -> RiskCurve:
        study = self.study
        rows = np.flatnonzero((study.node == node) & (study.ts >= start) & (study.ts <= end))
        times = study.ts[rows]
        begun = study.alarmed_rows[np.isin(study.ts[study.alarmed_rows], times)]
        lowest = np.full(len(times), np.inf)
        np.minimum.at(lowest, np.searchsorted(times, study.ts[begun]), study.probability[begun])
        alarms = held_alarms(study.history, node, study.horizon)
        return RiskCurve(
            times,
            study.probability[rows],
            np.isin(rows, study.alarmed_rows),
            np.where(np.isfinite(lowest), lowest, np.nan),
            tuple(alarm for alarm in alarms if alarm.start < end and alarm.end > start),
        )

    def _traces(self, reader: TraceReader, moment: np.datetime64, strongest: tuple[str, ...]) -> tuple[Trace, ...]:
        """Return the metrics that raised the risk, or if none is named those that moved most."""
        metrics = {metric.name: metric for metric in self.replay.setup.metrics}
        if strongest:
            return tuple(reader.traces([metrics[name] for name in strongest[:MOST_METRICS]]))
        return tuple(moved_most(reader.traces(metrics.values()), moment, MOST_METRICS))


def _first_of_each_node(ordered: NDArray[np.intp], node: NDArray[np.int32], count: int) -> NDArray[np.intp]:
    """Return the first index of each node, in order, at most `count`."""
    _, first = np.unique(node[ordered], return_index=True)
    return ordered[np.sort(first)][:count]
