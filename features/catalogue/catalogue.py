"""Every feature, defined once: what it is made of, in which unit, and why it should matter."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from data.schema import COUNTERS, Metric, MetricKind
from features.feature import EVER, FAILURES, FAILURES_OF, FLEET, OF_ONE, TIMES_FLEET, Catalogue, Feature, Origin, Peer
from features.telemetry.idle import idle_hours, idle_share

if TYPE_CHECKING:
    from collections.abc import Iterator

    from features.catalogue.fleet_capabilities import FleetCapabilities


def build(plan: FleetCapabilities) -> Catalogue:
    """List the features of a fleet."""
    features = list(_history(plan))
    for metric in plan.metrics:
        if metric.sampling == "on_change":
            features += _held(metric, plan)
        else:
            features += _SAMPLED[metric.kind](metric, plan)
    features += _joint(plan)
    return Catalogue(tuple(features))


HISTORY_WINDOWS = tuple(timedelta(days=days) for days in (3, 7, 14, 30, 90, 365))
RATE_WINDOWS = (timedelta(days=90), timedelta(days=365), EVER)


def _history(plan: FleetCapabilities) -> Iterator[Feature]:
    def one(metric: str, stat: str, window: timedelta | None, unit: str, why: str) -> Feature:
        return Feature(Origin.HISTORY, metric, stat, window, unit, why)

    for window in (*HISTORY_WINDOWS, EVER):
        yield one(FAILURES, "count", window, "failures", "a node that failed lately fails again")
    for window in RATE_WINDOWS:
        yield one(FAILURES, "relative_rate", window, TIMES_FLEET, "lemons fail more often than the fleet, for life")
    yield one(FAILURES, "days_since_start", EVER, "d", "the hazard falls with the time since a failure")
    yield one(FAILURES, "days_since_end", EVER, "d", "the first days back in service are the riskiest")
    yield one(FAILURES, "mean_repair_hours", EVER, "h", "long repairs tell of hardware")
    for window in (timedelta(days=7), timedelta(days=30), timedelta(days=90)):
        yield one("maintenance", "count", window, "events", "work on a node breaks it, or mends it")
    yield one("maintenance", "days_since_start", EVER, "d", "new parts and new software fail early")
    yield one("node", "days_up", EVER, "d", "time in service since the last event")
    yield one("node", "days_observed", EVER, "d", "infant mortality and wear")
    yield one("node", "relative_rate_at_age", EVER, TIMES_FLEET, "the ages at which nodes failed in the past")
    yield one(FLEET, "failure_rate", timedelta(days=7), "1/d", "a bad week of the whole fleet")
    for cause in plan.causes:
        for window in (timedelta(days=30), timedelta(days=365)):
            yield one(f"{FAILURES_OF}{cause}", "count", window, "failures", "causes repeat at their own pace")
    yield from _groups(plan)


def _groups(plan: FleetCapabilities) -> Iterator[Feature]:
    for group, exists in (("rack", plan.has_racks), ("hardware", plan.has_hardware)):
        if not exists:
            continue
        for window in (timedelta(days=7), timedelta(days=30)):
            why = f"what strikes one node of a {group} strikes its neighbours"
            yield Feature(Origin.HISTORY, group, "failures", window, "failures", why)
        for span in RATE_WINDOWS:
            why = f"some {group} values fail more than others"
            yield Feature(Origin.HISTORY, group, "relative_rate", span, TIMES_FLEET, why)
    if plan.has_hardware:
        why = "each hardware model has its own infant mortality and wear"
        yield Feature(Origin.HISTORY, "hardware", "relative_rate_at_age", EVER, TIMES_FLEET, why)
    if plan.has_racks:
        yield from _neighbours()


def _neighbours() -> Iterator[Feature]:
    for days in (7, 30, 90):
        why = "failures around a node that are not its own: power, cooling, a switch"
        window = timedelta(days=days)
        yield Feature(Origin.HISTORY, "rack", "failures_of_others", window, "failures", why)
        yield Feature(Origin.HISTORY, "neighbours", "failures", window, "failures", "what nodes next to it share")
    yield Feature(Origin.HISTORY, "neighbours", "days_since_start", EVER, "d", "trouble next door, and how fresh it is")


def _gauge(metric: Metric, plan: FleetCapabilities) -> Iterator[Feature]:
    now, *longer = plan.windows
    peers = (Peer.FLEET, Peer.RACK) if plan.has_racks else (Peer.FLEET,)

    def one(stat: str, window: timedelta, why: str, peer: Peer = Peer.NONE) -> Feature:
        unit = {"slope": f"{metric.unit}/d"}.get(stat, metric.unit) if peer != Peer.FLEET else "robust sd"
        return Feature(Origin.WINDOW, metric.name, stat, window, unit, why, peer)

    yield one("mean", now, "the level now")
    for peer in peers:
        yield one("mean", now, "a level that its peers do not share", peer)
    for window in longer:
        yield one("mean", window, "the usual level")
        yield one("std", window, "unrest")
        yield one("change", window, "the level now against the usual one")
        yield one("slope", window, "drift")
        yield one("max", window, "the worst of it")
        yield one("mean", window, "a usual level that its peers do not share", Peer.FLEET)
    if metric.idle_below is not None:
        yield from _idle(metric, plan, metric.idle_below)


def _idle(metric: Metric, plan: FleetCapabilities, below: float) -> Iterator[Feature]:
    longest = plan.windows[-1]
    for window in plan.windows[1:]:
        why = "a node that the scheduler, or somebody, keeps work off"
        yield Feature(Origin.WINDOW, metric.name, idle_share(below), window, "share", why)
    stat, why = idle_hours(below), "a node that gets no work may be ill already, or about to be worked on"
    yield Feature(Origin.WINDOW, metric.name, stat, longest, "h", why)
    yield Feature(Origin.WINDOW, metric.name, stat, longest, OF_ONE, "idle longer than the fleet", Peer.RANK)


def _count(metric: Metric, plan: FleetCapabilities) -> Iterator[Feature]:
    now, *longer = plan.windows

    def one(stat: str, window: timedelta, why: str, peer: Peer = Peer.NONE) -> Feature:
        unit = {Peer.RATIO: TIMES_FLEET, Peer.RANK: OF_ONE, Peer.RACK: metric.unit}[peer]
        return Feature(Origin.WINDOW, metric.name, stat, window, "share" if stat == "seen" else unit, why, peer)

    yield one("mean", now, "samples that went missing, beside the fleet's", Peer.RATIO)
    yield one("mean", now, "the worst seen, however little the others miss", Peer.RANK)
    if plan.has_racks:
        for window in plan.windows[:2]:
            yield one("mean", window, "samples that its own rack did not lose", Peer.RACK)
    for window in longer:
        yield one("mean", window, "a node that is often badly seen", Peer.RATIO)
        yield one("min", window, "the deepest dip in coverage", Peer.RATIO)
        yield one("seen", window, "a sensor or a node that falls silent", Peer.RATIO)


def _counter(metric: Metric, plan: FleetCapabilities) -> Iterator[Feature]:
    for window in plan.windows:
        why = "errors that are being counted now"
        yield Feature(Origin.WINDOW, metric.name, "increase", window, metric.unit, why)
        why = "more errors than the peers count"
        yield Feature(Origin.WINDOW, metric.name, "increase", window, OF_ONE, why, Peer.RANK)
    yield Feature(Origin.WINDOW, metric.name, "last", plan.windows[-1], metric.unit, "errors so far")


def _boot_time(metric: Metric, plan: FleetCapabilities) -> Iterator[Feature]:
    longest = plan.windows[-1]
    yield Feature(Origin.WINDOW, metric.name, "uptime", longest, "h", "leaks and wear since the last boot")
    yield Feature(Origin.WINDOW, metric.name, "uptime", longest, OF_ONE, "up longer than the fleet", Peer.RANK)
    for window in plan.windows[1:]:
        yield Feature(Origin.WINDOW, metric.name, "span", window, "h", "boots within the window", Peer.NONE)


def _age(metric: Metric, plan: FleetCapabilities) -> Iterator[Feature]:
    yield Feature(Origin.WINDOW, metric.name, "last", plan.windows[-1], "h", "infant mortality and wear")


_SAMPLED = {
    MetricKind.GAUGE: _gauge,
    MetricKind.COUNT: _count,
    MetricKind.COUNTER: _counter,
    MetricKind.BOOT_TIME: _boot_time,
    MetricKind.AGE: _age,
}


def _held(metric: Metric, plan: FleetCapabilities) -> Iterator[Feature]:
    windows = plan.windows
    peers = (Peer.RANK, Peer.HARDWARE) if plan.has_hardware else (Peer.RANK,)

    def one(stat: str, window: timedelta | None, unit: str, why: str, peer: Peer = Peer.NONE) -> Feature:
        return Feature(Origin.HELD, metric.name, stat, window, unit if peer is Peer.NONE else OF_ONE, why, peer)

    if metric.kind is MetricKind.AGE:
        yield one("running", EVER, "h", "infant mortality and wear")
        for peer in peers:
            yield one("running", EVER, OF_ONE, "older than its peers", peer)
        return
    yield one("last", EVER, metric.unit, "the count so far")
    yield one("max", EVER, metric.unit, "the worst so far")
    yield one("days_since_first", EVER, "d", "what began to err, errs on; an old scar may have healed")
    yield one("days_since_rise", EVER, "d", "errors that are recent")
    yield one("days_since_change", EVER, "d", "a metric that moves")
    yield one("rises_so_far", EVER, "rises", "errors that came once, or again and again")
    for window in windows:
        yield one("increase", window, metric.unit, "how fast errors come")
        yield one("rises", window, "rises", "how often errors come")
    yield one("mean", windows[-1], metric.unit, "the usual level")
    for peer in peers:
        yield one("last", EVER, OF_ONE, "some hardware counts errors that mean nothing", peer)
        yield one("increase", windows[len(windows) // 2], OF_ONE, "what rises for all its peers is no alarm", peer)


def _joint(plan: FleetCapabilities) -> Iterator[Feature]:
    """List what a fleet's on-change metrics say together, if there are several."""
    of = tuple(m.name for m in plan.metrics if m.sampling == "on_change" and m.kind is not MetricKind.AGE)
    if len(of) < 2:  # noqa: PLR2004  - one metric speaks for itself
        return

    def one(stat: str, window: timedelta | None, unit: str, why: str) -> Feature:
        return Feature(Origin.HELD, COUNTERS, stat, window, unit, why, of=of)

    yield one("above_zero", EVER, "metrics", "several sorts of errors tell more than many of one")
    yield one("days_since_rise", EVER, "d", "errors of any sort that are recent")
    for window in plan.windows:
        yield one("rising", window, "metrics", "several sorts of errors at once")
