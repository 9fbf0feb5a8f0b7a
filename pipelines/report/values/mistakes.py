"""The worst mistakes, close up: failures that the model thought least of, and alarms that nothing came of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE, EventKind
from features.grid import Times, to_numpy, to_step, to_times
from features.training.labels import merge_failures
from models.evaluation.alarm_episodes import NEVER_AT_RISK
from pipelines.report.values import node_periods
from pipelines.report.values.attributions import NOTHING, Scope, why
from pipelines.report.values.metric_traces import Lens, Trace, moved_most

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from data.view import View
    from models.backtest.replay import Replay
    from pipelines.report.values.horizon import Study
    from pipelines.report.values.node_periods import NodePeriods

MISSES: Final = 4
FALSE_ALARMS: Final = 4
METRICS: Final = 4
PEERS: Final = 1000
AROUND: Final = timedelta(days=14)
AROUND_WITHOUT_TELEMETRY: Final = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class RiskCurve:
    """A node's probability at each time, and the lowest one that an alarm was raised on then."""

    times: Times
    probability: NDArray[np.float64]
    threshold: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Closeup:
    """One mistake: whose, when, how it ranked, and what the node's telemetry looked like."""

    node: str
    is_miss: bool
    moment: np.datetime64  # the failure's start, or the alarm's most certain time
    start: np.datetime64
    end: np.datetime64
    probability: float  # NaN: the node was not at risk at any time within the horizon
    rank: int
    of: int
    alarms: int  # of the episode
    reasons: tuple[str, ...]
    risk: RiskCurve
    traces: tuple[Trace, ...]
    failures: Times
    repairs: NodePeriods
    maintenance: NodePeriods


@dataclass(frozen=True, slots=True)
class Scene:
    """What close-ups are taken of: a replay, its records, and the nodes that stand for the fleet."""

    study: Study
    replay: Replay
    hindsight: View
    peers: tuple[str, ...]

    @classmethod
    def of(cls, study: Study, replay: Replay, hindsight: View, rng: np.random.Generator) -> Scene:
        """Draw the nodes that stand for the fleet."""
        seen = np.unique(study.node)
        drawn = rng.permutation(seen)[:PEERS]
        return cls(study, replay, hindsight, tuple(study.story.names[node] for node in np.sort(drawn)))

    @property
    def known_until(self) -> np.datetime64:
        """Tell up to when the records reach."""
        newest = to_times(self.hindsight.nodes()["as_of"])
        return np.datetime64(np.fmax.reduce(newest, initial=to_numpy(self.replay.window.end)))

    def misses(self) -> tuple[Closeup, ...]:
        """Take the missed failures that the model thought least of, one a node, of those that it could have seen."""
        failures = self.study.story.failures
        missed = np.flatnonzero(np.isnan(failures.lead_hours) & (failures.peak_row != NEVER_AT_RISK))
        ordered = missed[np.argsort(self.study.probability[failures.peak_row[missed]], kind="stable")]
        picked = _first_of_each(ordered, failures.node, MISSES)
        return tuple(self._closeup(failures.peak_row[at], failures.start[at], alarms=0, is_miss=True) for at in picked)

    def false_alarms(self) -> tuple[Closeup, ...]:
        """Take the most certain alarms that no failure followed, one a node."""
        episodes = self.study.story.episodes
        false = np.flatnonzero(episodes.label == 0)
        ordered = false[np.argsort(-self.study.probability[episodes.peak_row[false]], kind="stable")]
        picked = _first_of_each(ordered, episodes.node, FALSE_ALARMS)
        return tuple(
            self._closeup(row, self.study.ts[row], alarms=int(episodes.alarms[at]), is_miss=False)
            for at, row in zip(picked, episodes.peak_row[picked], strict=True)
        )

    def _closeup(self, row: int, moment: np.datetime64, *, alarms: int, is_miss: bool) -> Closeup:
        study, name = self.study, self.study.story.names[self.study.node[row]]
        around = to_step(AROUND if self.replay.setup.metrics else AROUND_WITHOUT_TELEMETRY)
        start = moment - max(around, to_step(timedelta(days=1.5 * study.horizon_days)))
        end = max(min(moment + around, self.known_until), moment)
        told = why(self.replay, self.hindsight, study.ts[row], Scope([name], self.peers)).get(name, NOTHING)
        return Closeup(
            name,
            is_miss,
            moment,
            start,
            end,
            float(study.probability[row]),
            int(study.story.rank[row]),
            int(study.story.at_risk[row]),
            alarms,
            told.reasons,
            self._risk(int(study.node[row]), start, end),
            self._traces(name, moment, (start, end), () if is_miss else told.metrics),
            failures_of(self.hindsight, name, start, end),
            node_periods.down(self.hindsight, [name], EventKind.FAILURE)[name].within(start, end),
            node_periods.down(self.hindsight, [name], EventKind.MAINTENANCE)[name].within(start, end),
        )

    def _risk(self, node: int, start: np.datetime64, end: np.datetime64) -> RiskCurve:
        study = self.study
        own = np.flatnonzero((study.node == node) & (study.ts >= start) & (study.ts <= end))
        times = study.ts[own]
        alarmed = study.alarmed[np.isin(study.ts[study.alarmed], times)]
        threshold = np.full(len(times), np.inf)
        np.minimum.at(threshold, np.searchsorted(times, study.ts[alarmed]), study.probability[alarmed])
        return RiskCurve(times, study.probability[own], threshold)

    def _traces(
        self, name: str, moment: np.datetime64, span: tuple[np.datetime64, np.datetime64], wanted: tuple[str, ...]
    ) -> tuple[Trace, ...]:
        """Draw the metrics that raised the risk, or where none is named those that moved most."""
        metrics = {metric.name: metric for metric in self.replay.setup.metrics}
        lens = Lens(self.hindsight, tuple(sorted({name, *self.peers})), name, *span)
        if wanted:
            return tuple(lens.traces([metrics[metric] for metric in wanted[:METRICS]]))
        return tuple(moved_most(lens.traces(metrics.values()), moment, METRICS))


def failures_of(hindsight: View, name: str, start: np.datetime64, end: np.datetime64) -> Times:
    """Give when a node failed within some bounds, each failure once."""
    starts = to_times(merge_failures(hindsight.events().filter(pl.col(NODE) == name))["start"])
    return starts[(starts >= start) & (starts <= end)]


def _first_of_each(ordered: NDArray[np.intp], node: NDArray[np.int32], count: int) -> NDArray[np.intp]:
    """Keep the first of each node, in order."""
    _, first = np.unique(node[ordered], return_index=True)
    return ordered[np.sort(first)][:count]
