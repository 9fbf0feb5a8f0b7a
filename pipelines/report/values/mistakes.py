"""Collects the worst mistakes in detail: missed failures with the lowest forecasts, and the surest false alarms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
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

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from features.grid import Array
    from models.backtest.replay import Replay
    from pipelines.report.values.horizon import HorizonStudy
    from pipelines.report.values.node_periods import NodePeriods

MOST_MISSES: Final = 4
MOST_FALSE_ALARMS: Final = 4
MOST_METRICS: Final = 4
MOST_PEERS: Final = 1000
AROUND: Final = timedelta(days=14)
AROUND_WITHOUT_TELEMETRY: Final = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class RiskCurve:
    """A node's probability at each time, and the lowest probability that raised an alarm at that time."""

    times: Times
    probability: Array
    threshold: Array


@dataclass(frozen=True, slots=True)
class Mistake:
    """A missed failure or a false alarm: the node, the time, its rank, and its telemetry around that time."""

    node: str
    is_miss: bool
    moment: np.datetime64  # the failure's start, or the time of the alarm with the highest probability
    start: np.datetime64
    end: np.datetime64
    probability: float
    rank: int
    at_risk: int  # nodes at the same time
    alarms: int  # of the episode
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
        return tuple(
            self._mistake(failures.peak_row[index], failures.start[index], alarms=0, is_miss=True) for index in selected
        )

    def false_alarms(self) -> tuple[Mistake, ...]:
        """Return the alarms with the highest probabilities that no failure followed, one a node."""
        episodes = self.study.history.episodes
        false = np.flatnonzero(episodes.label == 0)
        ordered = false[np.argsort(-self.study.probability[episodes.peak_row[false]], kind="stable")]
        selected = _first_of_each_node(ordered, episodes.node, MOST_FALSE_ALARMS)
        return tuple(
            self._mistake(row, self.study.ts[row], alarms=int(episodes.alarms[index]), is_miss=False)
            for index, row in zip(selected, episodes.peak_row[selected], strict=True)
        )

    def _mistake(self, row: int, moment: np.datetime64, *, alarms: int, is_miss: bool) -> Mistake:
        study, history = self.study, self.study.history
        name = history.names[study.node[row]]
        around = AROUND if self.replay.setup.metrics else AROUND_WITHOUT_TELEMETRY
        start = moment - to_step(max(around, 1.5 * study.horizon))
        end = max(min(moment + to_step(around), self.known_until), moment)
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
            alarms,
            attribution.reasons,
            self._risk(int(study.node[row]), start, end),
            self._traces(reader, moment, () if is_miss else attribution.metrics),
            _failures_within(self.hindsight, name, start, end),
            event_periods(self.hindsight, [name], EventKind.FAILURE)[name].within(start, end),
            event_periods(self.hindsight, [name], EventKind.MAINTENANCE)[name].within(start, end),
        )

    def _risk(self, node: int, start: np.datetime64, end: np.datetime64) -> RiskCurve:
        study = self.study
        rows = np.flatnonzero((study.node == node) & (study.ts >= start) & (study.ts <= end))
        times = study.ts[rows]
        alarmed = study.alarmed_rows[np.isin(study.ts[study.alarmed_rows], times)]
        threshold = np.full(len(times), np.inf)
        np.minimum.at(threshold, np.searchsorted(times, study.ts[alarmed]), study.probability[alarmed])
        return RiskCurve(times, study.probability[rows], threshold)

    def _traces(self, reader: TraceReader, moment: np.datetime64, strongest: tuple[str, ...]) -> tuple[Trace, ...]:
        """Return the metrics that raised the risk, or if none is named those that moved most."""
        metrics = {metric.name: metric for metric in self.replay.setup.metrics}
        if strongest:
            return tuple(reader.traces([metrics[name] for name in strongest[:MOST_METRICS]]))
        return tuple(moved_most(reader.traces(metrics.values()), moment, MOST_METRICS))


def _failures_within(hindsight: View, node: str, start: np.datetime64, end: np.datetime64) -> Times:
    starts = to_times(merge_failures(hindsight.events().filter(pl.col(NODE) == node))["start"])
    return starts[(starts >= start) & (starts <= end)]


def _first_of_each_node(ordered: NDArray[np.intp], node: NDArray[np.int32], count: int) -> NDArray[np.intp]:
    """Return the first index of each node, in order, at most `count`."""
    _, first = np.unique(node[ordered], return_index=True)
    return ordered[np.sort(first)][:count]
