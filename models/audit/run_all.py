"""Every test of the audit by name, and how each of them gets what it looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.errors import TooLittleDataError
from data.schema import BUCKET_END, NODE, MetricKind, bucket_column
from features.catalogue import idle_spells
from features.feature import Origin
from features.grid import Grid, days, locate, to_numpy, to_times
from models.audit import arrivals
from models.audit.checks import (
    already_failing,
    collection_only,
    collector_outages,
    column_lifetimes,
    idle_failures,
    inventory,
    mirrored_columns,
    planned_work,
    recording_delays,
    revealing_columns,
    shuffled_failures,
)
from models.audit.context import AuditContext, AuditMaterial
from models.audit.finding import Finding, inconclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from numpy.typing import NDArray

ADVANCING: Final = (MetricKind.BOOT_TIME, MetricKind.AGE)  # one sensor's last value is the next one's first
MIRROR_NODES: Final = 64
MIRROR_BUCKETS: Final = 500
USUAL_SHARE: Final = 0.9  # of the samples of the median node, where no coverage metric is named


def audit(material: AuditMaterial, progress: Callable[[str], None], only: Collection[str] = ()) -> tuple[Finding, ...]:
    """Run every test, or some; one that the records are too few for says so."""
    bench = AuditContext(material)
    return tuple(_run(name, bench, progress) for name in TESTS if not only or name in only)


def _run(name: str, bench: AuditContext, progress: Callable[[str], None]) -> Finding:
    progress(name)
    if name in OF_TELEMETRY and not bench.metrics:
        return inconclusive(name, "there is no telemetry")
    try:
        return TESTS[name](bench)
    except TooLittleDataError as error:
        return inconclusive(name, error.what)


def _future(bench: AuditContext) -> Finding:
    return shuffled_failures.shuffled_future(bench.marks, bench.scores, bench.rng())


def _past(bench: AuditContext) -> Finding:
    return shuffled_failures.shuffled_past(
        bench.marks, shuffled_failures.learner(bench.rehearsal, bench.marks), bench.rng()
    )


def _columns(bench: AuditContext) -> Finding:
    return revealing_columns.too_much(_listed(bench), bench.marks, bench.scores, bench.rng())


def _listed(bench: AuditContext) -> Iterator[tuple[str, NDArray[np.float32]]]:
    rehearsal, rows = bench.rehearsal, bench.marks.row
    newest = rehearsal.newest(rehearsal.rows.take(rows))
    for at, metric in enumerate(bench.metrics):
        yield metric, newest[:, at]
    for at, feature in enumerate(rehearsal.replay.trained.training.catalogue.features):
        if feature.origin is not Origin.HISTORY:
            yield feature.name, rehearsal.features[rehearsal.judged[rows], at]


def _timestamps(bench: AuditContext) -> Finding:
    rehearsal, rows = bench.rehearsal, bench.marks.row
    before = arrivals.timing(bench.seen, rehearsal.replay.trained.training.rows)
    after = arrivals.timing(bench.seen, rehearsal.rows.take(rows))
    learned = rehearsal.learn(before, (after, rows))
    return collection_only.blindfold(collection_only.TIMES, learned, bench.scores, bench.marks, bench.rng())


def _counts(bench: AuditContext) -> Finding:
    rehearsal, rows = bench.rehearsal, bench.marks.row
    training, counted = rehearsal.replay.trained.training, _count_features(bench)
    before = arrivals.counting(bench.seen, training.rows, bench.every_days, bench.width)
    after = arrivals.counting(bench.seen, rehearsal.rows.take(rows), bench.every_days, bench.width)
    own = rehearsal.features[rehearsal.judged[rows]][:, counted]
    learned = rehearsal.learn(np.hstack([before, training.features[:, counted]]), (np.hstack([after, own]), rows))
    return collection_only.blindfold(collection_only.COUNTS, learned, bench.scores, bench.marks, bench.rng())


def _count_features(bench: AuditContext) -> list[int]:
    """Give the features that tell how many samples were received."""
    counts = {metric.name for metric in bench.material.setup.metrics if metric.kind is MetricKind.COUNT}
    catalogue = bench.rehearsal.replay.trained.training.catalogue
    return [at for at, feature in enumerate(catalogue.features) if feature.metric in counts]


def _under_way(bench: AuditContext) -> Finding:
    rehearsal, design = bench.rehearsal, bench.material.setup.design
    ill = already_failing.unrecorded(bench.events, rehearsal.rows)
    if not bench.is_sparse:
        step = max(int(days(design.every_days) // bench.width), 1)
        share = design.coverage.share if design.coverage else USUAL_SHARE
        ill |= already_failing.badly_seen(bench.seen.count(rehearsal.rows, step), rehearsal.rows.cutoff, share)
        samples = np.nan_to_num(rehearsal.newest(rehearsal.rows, MetricKind.COUNT).astype(np.float64)).T
        if len(samples):  # by no sensor well: one that is dead tells little
            thin = [already_failing.badly_seen(counts, rehearsal.rows.cutoff, share) for counts in samples]
            ill |= np.all(thin, axis=0)
    return already_failing.under_way(rehearsal.cases, rehearsal.scores, ill, bench.material.alarm_share)


def _idle(bench: AuditContext) -> Finding:
    rehearsal = bench.rehearsal
    told = idle_spells.of_rows(rehearsal.replay.trained.training.catalogue, rehearsal.features)
    return idle_failures.of_idle_nodes(rehearsal.cases, None if told is None else told[rehearsal.judged])


def _lives(bench: AuditContext) -> inventory.Lives:
    return inventory.Lives.of(bench.known.nodes(), bench.failures, to_numpy(bench.material.window.end))


def _fleet(bench: AuditContext) -> planned_work.FailureStarts:
    return planned_work.FailureStarts.of(bench.known.nodes(), bench.failures)


def _outages(bench: AuditContext) -> Finding:
    blind, step = bench.material.hindsight.blind(), days(bench.every_days)
    spans = to_times(blind["start"]), to_times(blind["end"])
    if not bench.is_sparse:
        step = min(step, bench.width)
        dips = collector_outages.dips(*arrivals.reporting(bench.table), bench.width)
        spans = np.concatenate([spans[0], dips[0]]), np.concatenate([spans[1], dips[1]])
        if not len(spans[0]):
            return collector_outages.none_there(bench.table[BUCKET_END].n_unique())
    told = bench.failures[NODE].to_list(), to_times(bench.failures["start"])
    return collector_outages.coincide(told, spans, step, bench.rng())


def _constant(bench: AuditContext) -> Finding:
    told = {}
    for metric in bench.metrics:
        low, high = (bucket_column(metric, part) for part in ("min", "max"))
        row = bench.known.buckets([low, high]).select(pl.col(low).drop_nans().min(), pl.col(high).drop_nans().max())
        told[metric] = row.row(0)
    return column_lifetimes.constant(told)


def _panels(bench: AuditContext) -> dict[str, NDArray[np.float64]]:
    """Lay some nodes' last values out, nodes x buckets."""
    names, end = bench.known.nodes()[NODE].to_numpy(), bench.material.window.end
    some = sorted(bench.rng().choice(names, min(MIRROR_NODES, len(names)), replace=False).tolist())
    since = end - MIRROR_BUCKETS * bench.known.width
    grid = Grid.spanning(to_numpy(since), to_numpy(end), bench.known.width)
    out = {}
    for metric in bench.material.setup.metrics:
        if metric.kind in ADVANCING:
            continue
        column = bucket_column(metric.name, "last")
        table = bench.known.buckets([column], grid.start).filter(pl.col(NODE).is_in(some))
        panel = np.full((len(some), grid.count), np.nan)
        panel[locate(table[NODE], some), grid.position(to_times(table[BUCKET_END]))] = table[column].to_numpy()
        out[metric.name] = panel
    return out


TESTS: Final[dict[str, Callable[[AuditContext], Finding]]] = {
    shuffled_failures.FUTURE: _future,
    shuffled_failures.PAST: _past,
    revealing_columns.NAME: _columns,
    collection_only.TIMES: _timestamps,
    collection_only.COUNTS: _counts,
    already_failing.NAME: _under_way,
    idle_failures.NAME: _idle,
    inventory.ONLY_FAILING: lambda bench: inventory.only_failing(_lives(bench)),
    inventory.COMES_WITH: lambda bench: inventory.comes_with_failure(_lives(bench), bench.every_days),
    inventory.LEAVES_WITH: lambda bench: inventory.leaves_with_failure(_lives(bench), bench.every_days),
    recording_delays.AT_ONCE: lambda bench: recording_delays.at_once(bench.events),
    recording_delays.AHEAD: lambda bench: recording_delays.ahead(bench.events),
    recording_delays.IN_BULK: lambda bench: recording_delays.in_bulk(bench.events, bench.longest),
    recording_delays.TELEMETRY: lambda bench: recording_delays.telemetry_early(bench.material.arrivals),
    recording_delays.TELEMETRY_IN_BULK: lambda bench: recording_delays.telemetry_in_bulk(
        bench.material.arrivals, bench.longest
    ),
    collector_outages.NAME: _outages,
    planned_work.GROUPS: lambda bench: planned_work.in_groups(_fleet(bench)),
    planned_work.HOURS: lambda bench: planned_work.at_peoples_hours(_fleet(bench)),
    column_lifetimes.NAME: lambda bench: column_lifetimes.beginning(bench.trained_table, bench.material.setup.metrics),
    column_lifetimes.CONSTANT: _constant,
    mirrored_columns.NAME: lambda bench: mirrored_columns.running_ahead(_panels(bench)),
}
OF_TELEMETRY: Final = frozenset(
    {
        revealing_columns.NAME,
        collection_only.TIMES,
        collection_only.COUNTS,
        idle_failures.NAME,
        recording_delays.TELEMETRY,
        recording_delays.TELEMETRY_IN_BULK,
        column_lifetimes.NAME,
        column_lifetimes.CONSTANT,
        mirrored_columns.NAME,
    }
)
