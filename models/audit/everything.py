"""Runs every test of the audit, those that need only records first, those that need a forecast last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.errors import TooLittleDataError
from data.schema import BUCKET_END, NODE, MetricKind, bucket_column
from features.catalogue import Origin
from features.dataset import days
from features.grid import Grid, locate, to_datetime, to_numpy, to_step, to_times
from features.labels import merge_failures
from models.audit import (
    appearing,
    blindfold,
    columns,
    inventory,
    mirrors,
    outages,
    planned,
    recording,
    shuffled,
    traffic,
    underway,
)
from models.audit.finding import Finding, untold
from models.audit.marks import Marks
from models.audit.rehearsal import Rehearsal, rehearse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from data.view import View
    from models.audit.recording import Arrivals
    from models.backtest import Window
    from models.training import Setup

ADVANCING: Final = (MetricKind.BOOT_TIME, MetricKind.AGE)  # one sensor's last value is the next one's first
MIRROR_NODES: Final = 64
MIRROR_BUCKETS: Final = 500
USUAL_SHARE: Final = 0.9  # of the samples of the median node, where no coverage metric is named


@dataclass(frozen=True, slots=True)
class Material:
    """A fleet's records, the window whose forecasts are in question, and what is forecast."""

    hindsight: View
    window: Window
    setup: Setup
    arrivals: Arrivals
    alarm_share: float

    @property
    def metrics(self) -> list[str]:
        """Name the metrics."""
        return [metric.name for metric in self.setup.metrics]

    @property
    def longest(self) -> timedelta:
        """Give the longest horizon."""
        return timedelta(days=self.setup.design.horizons_days[-1])

    def rng(self) -> np.random.Generator:
        """Start the seed's numbers anew, so that no test depends on those before."""
        return np.random.default_rng(self.setup.recipe.params.random_seed)


def audit(material: Material, progress: Callable[[str], None]) -> tuple[Finding, ...]:
    """Run every test; what the records are too few for says so."""
    progress("records")
    found = [*_of_records(material)]
    progress("telemetry")
    table = traffic.read(material.hindsight.narrow(material.window.end), material.metrics) if material.metrics else None
    found += [*_of_telemetry(material, table)]
    progress("forecast")
    return (*_of_forecast(material, table, progress), *found)


def _of_records(material: Material) -> Iterator[Finding]:
    events, nodes = material.hindsight.events(), material.hindsight.nodes()
    failures, end = merge_failures(events), to_numpy(material.window.end)
    lives = inventory.Lives.of(nodes, failures.filter(pl.col("start") <= material.window.end), end)
    step = material.setup.design.every_days
    yield inventory.only_failing(lives)
    yield inventory.comes_with_failure(lives, step)
    yield inventory.leaves_with_failure(lives, step)
    yield recording.at_once(events)
    yield recording.ahead(events)
    yield recording.in_bulk(events, material.longest)
    fleet = planned.Fleet.of(nodes, failures)
    yield planned.in_groups(fleet)
    yield planned.at_peoples_hours(fleet)


def _of_telemetry(material: Material, table: pl.DataFrame | None) -> Iterator[Finding]:
    yield recording.telemetry_early(material.arrivals)
    yield recording.telemetry_in_bulk(material.arrivals, material.longest)
    yield _outages(material, table)
    if table is None:
        return
    yield appearing.constant(_ranges(material))
    yield mirrors.running_ahead(_panels(material))


def _outages(material: Material, table: pl.DataFrame | None) -> Finding:
    failures, blind = merge_failures(material.hindsight.events()), material.hindsight.blind()
    width, step = to_step(material.hindsight.width), days(material.setup.design.every_days)
    start, end = to_times(blind["start"]), to_times(blind["end"])
    if table is not None and not _is_sparse(material):
        dipped = outages.dips(*traffic.reporting(table), width)
        start, end = np.concatenate([start, dipped[0]]), np.concatenate([end, dipped[1]])
    told = failures[NODE].to_list(), to_times(failures["start"])
    return outages.coincide(told, (start, end), min(step, width) if material.metrics else step, material.rng())


def _is_sparse(material: Material) -> bool:
    """Tell whether silence means nothing, as every metric is reported only when it changes."""
    return all(metric.sampling == "on_change" for metric in material.setup.metrics)


def _ranges(material: Material) -> dict[str, tuple[float | None, float | None]]:
    told = {}
    for metric in material.metrics:
        low, high = (bucket_column(metric, part) for part in ("min", "max"))
        table = material.hindsight.narrow(material.window.end).buckets([low, high])
        told[metric] = (table[low].drop_nans().min(), table[high].drop_nans().max())
    return told  # type: ignore[return-value]  # a float column's extremes are floats


def _panels(material: Material) -> dict[str, NDArray[np.float64]]:
    """Lay some nodes' last values out, nodes x buckets."""
    view = material.hindsight.narrow(material.window.end)
    since = material.window.end - MIRROR_BUCKETS * view.width
    names = np.array(view.nodes()[NODE].to_list())
    some = sorted(material.rng().choice(names, min(MIRROR_NODES, len(names)), replace=False).tolist())
    grid = Grid.spanning(to_numpy(since), to_numpy(material.window.end), view.width)
    out = {}
    for metric in material.setup.metrics:
        if metric.kind in ADVANCING:
            continue
        column = bucket_column(metric.name, "last")
        table = view.buckets([column], since).filter(pl.col(NODE).is_in(some))
        panel = np.full((len(some), grid.count), np.nan)
        panel[locate(table[NODE], some), grid.position(to_times(table[BUCKET_END]))] = table[column].to_numpy()
        out[metric.name] = panel
    return out


def _of_forecast(material: Material, table: pl.DataFrame | None, progress: Callable[[str], None]) -> Iterator[Finding]:
    try:
        rehearsal = rehearse(material.hindsight, material.window, material.setup)
    except TooLittleDataError as error:
        for name in (shuffled.FUTURE, shuffled.PAST, columns.NAME, blindfold.TIMES, blindfold.COUNTS, underway.NAME):
            yield untold(name, error.what)
        return
    marks, rng = Marks.of(rehearsal.cases, material.rng()), material.rng()
    scores = rehearsal.scores[marks.row]
    progress("shuffles")
    yield shuffled.shuffled_future(marks, scores, rng)
    yield shuffled.shuffled_past(marks, shuffled.learner(rehearsal, marks), rng)
    progress("single columns")
    yield columns.too_much(_columns(rehearsal, marks), marks, scores, rng)
    if table is not None:
        since = to_datetime(rehearsal.replay.trained.training.rows.ts.min())  # before it, no node was seen and at risk
        yield appearing.beginning(table.filter(pl.col(BUCKET_END) >= since), material.metrics)
        progress("timestamps and row counts")
        seen = traffic.Traffic.of(table, rehearsal.replay.risk.names, Grid.clock(material.hindsight.width))
        yield from _blindfolded(rehearsal, seen, marks, rng)
        yield _under_way(material, rehearsal, seen)
    else:
        yield _under_way(material, rehearsal, None)


def _columns(rehearsal: Rehearsal, marks: Marks) -> Iterator[tuple[str, NDArray[np.float32]]]:
    newest = rehearsal.newest(marks.row)
    for at, metric in enumerate(rehearsal.replay.setup.metrics):
        yield metric.name, newest[:, at]
    chosen = rehearsal.judged[marks.row]
    for at, feature in enumerate(rehearsal.replay.trained.training.catalogue.features):
        if feature.origin is not Origin.HISTORY:
            yield feature.name, rehearsal.features[chosen, at]


def _blindfolded(
    rehearsal: Rehearsal, seen: traffic.Traffic, marks: Marks, rng: np.random.Generator
) -> Iterator[Finding]:
    training, rows, scores = (
        rehearsal.replay.trained.training,
        rehearsal.rows.take(marks.row),
        rehearsal.scores[marks.row],
    )
    learned = rehearsal.learn(traffic.timing(seen, training.rows), (traffic.timing(seen, rows), marks.row))
    yield blindfold.blindfold(blindfold.TIMES, learned, scores, marks, rng)
    every, width = rehearsal.replay.setup.design.every_days, to_step(rehearsal.view.width)
    counted = _count_features(rehearsal)
    before = np.hstack([traffic.counting(seen, training.rows, every, width), training.features[:, counted]])
    after = np.hstack(
        [traffic.counting(seen, rows, every, width), rehearsal.features[rehearsal.judged[marks.row]][:, counted]]
    )
    yield blindfold.blindfold(blindfold.COUNTS, rehearsal.learn(before, (after, marks.row)), scores, marks, rng)


def _count_features(rehearsal: Rehearsal) -> list[int]:
    """Give the features that tell how many samples were received."""
    counts = {metric.name for metric in rehearsal.replay.setup.metrics if metric.kind is MetricKind.COUNT}
    catalogue = rehearsal.replay.trained.training.catalogue
    return [at for at, feature in enumerate(catalogue.features) if feature.metric in counts]


def _under_way(material: Material, rehearsal: Rehearsal, seen: traffic.Traffic | None) -> Finding:
    rows, setup = rehearsal.rows, rehearsal.replay.setup
    ill = [underway.unrecorded(material.hindsight.events(), rows)]
    if seen is not None and not _is_sparse(material):
        step = max(int(days(setup.design.every_days) // to_step(material.hindsight.width)), 1)
        share = setup.design.coverage.share if setup.design.coverage else USUAL_SHARE
        ill.append(underway.badly_seen(seen.count(rows, step), rows.cutoff, share))
    return underway.under_way(rehearsal.cases, rehearsal.scores, underway.any_of(ill), material.alarm_share)
