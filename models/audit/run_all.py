"""Every check of the audit by name, and how each of them gets its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.errors import TooLittleDataError
from data.schema import BUCKET_END, NODE, MetricKind, bucket_column
from data.time_grid import in_days
from features.catalogue import idle_spells
from features.feature import Origin
from features.grid import Grid, locate, to_numpy, to_step, to_times
from models.audit.arrivals import count_features, reporting_nodes, time_features
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

    from features.grid import Array

ADVANCING: Final = (MetricKind.BOOT_TIME, MetricKind.AGE)  # the last value of one is the first value of another
MIRROR_NODES: Final = 64
MIRROR_BUCKETS: Final = 500
USUAL_SHARE: Final = 0.9  # of the samples of the median node, where no coverage metric is named


def audit(material: AuditMaterial, progress: Callable[[str], None], only: Collection[str] = ()) -> tuple[Finding, ...]:
    """Run every check, or those named in `only`; one for which there is too little data is inconclusive."""
    context = AuditContext(material)
    return tuple(_run(name, context, progress) for name in CHECKS if not only or name in only)


def _run(name: str, context: AuditContext, progress: Callable[[str], None]) -> Finding:
    progress(name)
    if name in OF_TELEMETRY and not context.metrics:
        return inconclusive(name, "there is no telemetry")
    try:
        return CHECKS[name](context)
    except TooLittleDataError as error:
        return inconclusive(name, error.what)


def _shuffled_future(context: AuditContext) -> Finding:
    return shuffled_failures.check_future(context.labelled, context.scores, context.rng())


def _shuffled_past(context: AuditContext) -> Finding:
    refit = shuffled_failures.permuted_refit(context.probe, context.labelled)
    return shuffled_failures.check_past(context.labelled, refit, context.rng())


def _revealing_columns(context: AuditContext) -> Finding:
    return revealing_columns.check(_columns(context), context.labelled, context.scores, context.rng())


def _columns(context: AuditContext) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield each metric's newest value and each feature that is not computed from events, for the labelled rows."""
    probe, cases = context.probe, context.labelled.case
    newest = probe.newest_values(probe.rows.take(cases))
    for column, metric in enumerate(context.metrics):
        yield metric, newest[:, column]
    for column, feature in enumerate(probe.training.catalogue.features):
        if feature.origin is not Origin.HISTORY:
            yield feature.name, probe.features[probe.case_rows[cases], column]


def _timestamps_alone(context: AuditContext) -> Finding:
    probe, cases = context.probe, context.labelled.case
    in_training = time_features(context.arrivals, probe.training.rows)
    in_test = time_features(context.arrivals, probe.rows.take(cases))
    scores = probe.refit(in_training, in_test, cases)
    return collection_only.check(collection_only.TIMES, scores, context.scores, context.labelled, context.rng())


def _row_counts_alone(context: AuditContext) -> Finding:
    probe, cases, columns = context.probe, context.labelled.case, _sample_count_columns(context)
    in_training = count_features(context.arrivals, probe.training.rows, context.every, context.width)
    in_test = count_features(context.arrivals, probe.rows.take(cases), context.every, context.width)
    scores = probe.refit(
        np.hstack([in_training, probe.training.features[:, columns]]),
        np.hstack([in_test, probe.features[probe.case_rows[cases]][:, columns]]),
        cases,
    )
    return collection_only.check(collection_only.COUNTS, scores, context.scores, context.labelled, context.rng())


def _sample_count_columns(context: AuditContext) -> list[int]:
    """Return the columns of the features that depend on how many samples were received."""
    counts = {metric.name for metric in context.material.setup.metrics if metric.kind is MetricKind.COUNT}
    features = context.probe.training.catalogue.features
    return [column for column, feature in enumerate(features) if feature.metric in counts]


def _already_failing(context: AuditContext) -> Finding:
    probe, design = context.probe, context.material.setup.design
    is_degraded = already_failing.in_unrecorded_event(context.events, probe.rows)
    if not context.is_sparse:
        step = max(int(to_step(design.every) // context.width), 1)
        share = design.coverage.share if design.coverage else USUAL_SHARE
        counts = context.arrivals.count(probe.rows, step)
        is_degraded |= already_failing.has_few_samples(counts, probe.rows.cutoff, share)
        samples = np.nan_to_num(probe.newest_values(probe.rows, MetricKind.COUNT).astype(np.float64)).T
        if len(samples):  # few by every sensor: a single one that is broken means little
            by_sensor = [already_failing.has_few_samples(counts, probe.rows.cutoff, share) for counts in samples]
            is_degraded |= np.all(by_sensor, axis=0)
    return already_failing.check(probe.cases, probe.scores, is_degraded, context.material.alarm_rate)


def _idle_failures(context: AuditContext) -> Finding:
    probe = context.probe
    idle = idle_spells.of_rows(probe.training.catalogue, probe.features)
    return idle_failures.check(probe.cases, None if idle is None else idle[probe.case_rows])


def _lifetimes(context: AuditContext) -> inventory.NodeLifetimes:
    end = to_numpy(context.material.window.end)
    return inventory.NodeLifetimes.of(context.nodes, context.failures, end)


def _fleet_failures(context: AuditContext) -> planned_work.FleetFailures:
    return planned_work.FleetFailures.of(context.nodes, context.failures)


def _collector_outages(context: AuditContext) -> Finding:
    blind, step, begin = context.material.hindsight.blind(), to_step(context.every), context.history_start
    if begin is not None:
        blind = blind.filter(pl.col("end").is_null() | (pl.col("end") > begin))
    outages = to_times(blind["start"]), to_times(blind["end"])
    if not context.is_sparse:
        row_counts = context.row_counts.filter(True if begin is None else pl.col(BUCKET_END) > begin)
        step = min(step, context.width)
        start, end = collector_outages.find_outages(*reporting_nodes(row_counts), context.width)
        outages = np.concatenate([outages[0], start]), np.concatenate([outages[1], end])
        if not len(outages[0]):
            return collector_outages.no_outages(row_counts[BUCKET_END].n_unique())
    failures = context.failures[NODE].to_list(), to_times(context.failures["start"])
    return collector_outages.check(failures, outages, step, context.rng())


def _column_lifetimes(context: AuditContext) -> Finding:
    return column_lifetimes.check_lifetimes(context.row_counts_in_training, context.material.setup.metrics)


def _constant_columns(context: AuditContext) -> Finding:
    ranges = {}
    for metric in context.metrics:
        low, high = (bucket_column(metric, part) for part in ("min", "max"))
        values = context.known.buckets([low, high], context.history_start)
        ranges[metric] = values.select(pl.col(low).drop_nans().min(), pl.col(high).drop_nans().max()).row(0)
    return column_lifetimes.check_constant(ranges)


def _mirrored_columns(context: AuditContext) -> Finding:
    return mirrored_columns.check(_panels(context))


def _panels(context: AuditContext) -> dict[str, Array]:
    """Return the last values of some nodes by metric, nodes x buckets."""
    names, end = context.known.nodes()[NODE].to_numpy(), context.material.window.end
    nodes = sorted(context.rng().choice(names, min(MIRROR_NODES, len(names)), replace=False).tolist())
    start = end - MIRROR_BUCKETS * context.known.width
    grid = Grid.spanning(to_numpy(start), to_numpy(end), context.known.width)
    panels = {}
    for metric in context.material.setup.metrics:
        if metric.kind in ADVANCING:
            continue
        column = bucket_column(metric.name, "last")
        table = context.known.buckets([column], grid.start).filter(pl.col(NODE).is_in(nodes))
        panel = np.full((len(nodes), grid.count), np.nan)
        panel[locate(table[NODE], nodes), grid.position(to_times(table[BUCKET_END]))] = table[column].to_numpy()
        panels[metric.name] = panel
    return panels


CHECKS: Final[dict[str, Callable[[AuditContext], Finding]]] = {
    shuffled_failures.FUTURE: _shuffled_future,
    shuffled_failures.PAST: _shuffled_past,
    revealing_columns.NAME: _revealing_columns,
    collection_only.TIMES: _timestamps_alone,
    collection_only.COUNTS: _row_counts_alone,
    already_failing.NAME: _already_failing,
    idle_failures.NAME: _idle_failures,
    inventory.ONLY_FAILING: lambda context: inventory.check_only_failing(_lifetimes(context)),
    inventory.COMES_WITH: lambda context: inventory.check_comes_with_failure(
        _lifetimes(context), in_days(context.every)
    ),
    inventory.LEAVES_WITH: lambda context: inventory.check_leaves_with_failure(
        _lifetimes(context), in_days(context.every)
    ),
    recording_delays.AT_ONCE: lambda context: recording_delays.check_at_once(context.events),
    recording_delays.AHEAD: lambda context: recording_delays.check_ahead(context.events),
    recording_delays.IN_BULK: lambda context: recording_delays.check_in_bulk(context.events, context.longest),
    recording_delays.TELEMETRY: lambda context: recording_delays.check_early_telemetry(context.material.arrivals),
    recording_delays.TELEMETRY_IN_BULK: lambda context: recording_delays.check_telemetry_in_bulk(
        context.material.arrivals, context.longest
    ),
    collector_outages.NAME: _collector_outages,
    planned_work.GROUPS: lambda context: planned_work.check_groups(_fleet_failures(context)),
    planned_work.HOURS: lambda context: planned_work.check_hours(_fleet_failures(context)),
    column_lifetimes.NAME: _column_lifetimes,
    column_lifetimes.CONSTANT: _constant_columns,
    mirrored_columns.NAME: _mirrored_columns,
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
