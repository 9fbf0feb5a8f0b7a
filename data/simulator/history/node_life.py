"""Simulates the life of a node: its failures and their causes, repairs, maintenance and precursors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.simulator.history import failure_rates
from data.simulator.history.failure_modes import (
    CAUSE_RACK,
    MAX_LEAD_HOURS,
    MODES,
    FailureMode,
    Lognormal,
    Symptom,
    draw_lead,
    draw_mode,
)
from data.simulator.history.plan import YEAR_HOURS, SimulationPlan, Stream
from data.simulator.history.site_events import WEEK

if TYPE_CHECKING:
    from data.simulator.history.layout import Node
    from data.simulator.history.site_events import RackEvents, SiteEvents

REPLACED_SHARE: Final = 0.3  # of the precursors without a failure: the part was replaced in time
REPLACEMENT_HOURS: Final = Lognormal(3.0, 0.4)
MIN_SHAPE, MAX_SHAPE = 0.5, 2.0  # exponents of the rise of a precursor
FAILURE_PEAK: Final = (0.7, 1.0)  # largest severity of a precursor that ends in a failure,
FALSE_ALARM_PEAK: Final = (0.2, 0.8)  # and of one that does not
INTERMITTENT_SHARE: Final = 0.25  # of precursors that are visible only from time to time
RACK_JITTER_HOURS: Final = 0.05  # between the nodes of a rack that loses power
MIN_REPAIR_HOURS: Final = 0.05
MIN_UPTIME_HOURS: Final = 0.5  # before a node can fail again


@dataclass(frozen=True, slots=True)
class Downtime:
    """A span in which the node is down."""

    start: float
    end: float
    kind: str
    cause: str
    replaces: Symptom = Symptom.NONE  # the part that was replaced, by its symptom


@dataclass(frozen=True, slots=True)
class Precursor:
    """A symptom whose severity rises from `start` to `end` to `peak`, with the exponent `shape`, or rises and falls."""

    symptom: Symptom
    start: float
    end: float
    peak: float
    shape: float
    is_intermittent: bool
    ends_in_failure: bool


@dataclass(frozen=True, slots=True)
class NodeLife:
    """What happens to a node, in the order of time; downtimes do not overlap."""

    downtimes: tuple[Downtime, ...]
    precursors: tuple[Precursor, ...]


@dataclass(frozen=True, slots=True)
class _Failure:
    start: float
    mode: FailureMode | None  # None: the power of the rack failed


def simulate_life(plan: SimulationPlan, node: Node, site: SiteEvents, rack: RackEvents) -> NodeLife:
    """Draw the life of a node, until after the end of the records, since precursors of later failures are visible."""
    rng = plan.rng(Stream.LIFE, node.index)
    horizon = plan.hours + MAX_LEAD_HOURS
    failures = _draw_failures(plan, node, site, rng)
    failures += [
        _Failure(outage.start + rng.exponential(RACK_JITTER_HOURS), None)
        for outage, share in zip(rack.outages, rack.affected_shares, strict=True)
        if rng.random() < share
    ]
    false_alarms = _draw_false_alarms(node, rng, horizon)
    outages = {outage.start: outage.end - outage.start for outage in rack.outages}
    planned = [Downtime(span.start, span.end, "maintenance", "planned") for span in rack.maintenance]
    planned += [_replacement(precursor, rng) for precursor in false_alarms if rng.random() < REPLACED_SHARE]
    in_order = sorted(failures, key=lambda failure: failure.start)
    downtimes, precursors = _to_downtimes(in_order, _without_overlaps(planned), outages, rng)
    present = [down for down in downtimes if node.since < down.start < node.until]
    return NodeLife(tuple(present), tuple(sorted([*false_alarms, *precursors], key=lambda each: each.start)))


def _draw_failures(plan: SimulationPlan, node: Node, site: SiteEvents, rng: np.random.Generator) -> list[_Failure]:
    """Draw the failures of a node by its rate, the site's activity and the weekly rate, each with its relapses.

    An inhomogeneous Poisson process by thinning (Lewis and Shedler 1979).
    """
    peak, horizon = failure_rates.PEAK_ACTIVITY * failure_rates.MAX_WEEKLY_RATE, plan.hours + MAX_LEAD_HOURS
    rate = failure_rates.FAILURES_PER_NODE_YEAR * (1 - failure_rates.RELAPSE_SHARE) / YEAR_HOURS * node.frailty * peak
    candidates = np.sort(rng.uniform(0.0, horizon, rng.poisson(rate * horizon)))
    weekly_rate = site.weekly_rate[(candidates // WEEK).astype(np.int64)]
    kept = candidates[
        rng.random(len(candidates)) * peak < failure_rates.site_activity(plan.start, candidates) * weekly_rate
    ]
    failures: list[_Failure] = []
    for start in kept:
        failure: _Failure | None = _Failure(float(start), draw_mode(rng, has_gpu=node.has_gpu))
        while failure is not None and failure.start < horizon:
            failures.append(failure)
            failure = _draw_relapse(failure, node, rng)
    return failures


def _draw_relapse(failure: _Failure, node: Node, rng: np.random.Generator) -> _Failure | None:
    """Draw the failure that follows if the repair was not successful, else None."""
    if rng.random() >= failure_rates.RELAPSE_SHARE:
        return None
    mode = failure.mode if rng.random() < failure_rates.SAME_CAUSE_SHARE else draw_mode(rng, has_gpu=node.has_gpu)
    return _Failure(failure.start + failure_rates.RELAPSE_LAG.draw(rng), mode)


def _draw_false_alarms(node: Node, rng: np.random.Generator, horizon: float) -> list[Precursor]:
    """Draw the precursors without a failure; their rate depends less on frailty than that of failures."""
    precursors = []
    for mode in MODES:
        rate = (
            failure_rates.FAILURES_PER_NODE_YEAR
            * mode.share
            * mode.precursor_share
            * mode.false_alarms
            * (0.5 + 0.5 * node.frailty)
        )
        for start in rng.uniform(0.0, horizon, rng.poisson(rate / YEAR_HOURS * horizon)):
            end = float(start) + 1.5 * draw_lead(mode, rng)
            precursors.append(_precursor(mode, float(start), end, rng, ends_in_failure=False))
    return [precursor for precursor in precursors if precursor.symptom != Symptom.GPU or node.has_gpu]


def _precursor(
    mode: FailureMode, start: float, end: float, rng: np.random.Generator, *, ends_in_failure: bool
) -> Precursor:
    return Precursor(
        symptom=mode.symptom,
        start=start,
        end=end,
        peak=float(rng.uniform(*FAILURE_PEAK) if ends_in_failure else rng.uniform(*FALSE_ALARM_PEAK)),
        shape=float(rng.uniform(MIN_SHAPE, MAX_SHAPE)),
        is_intermittent=bool(rng.random() < INTERMITTENT_SHARE),
        ends_in_failure=ends_in_failure,
    )


def _replacement(precursor: Precursor, rng: np.random.Generator) -> Downtime:
    """Draw the maintenance that replaces a part with a precursor."""
    end = precursor.end + REPLACEMENT_HOURS.draw(rng)
    return Downtime(precursor.end, end, "maintenance", "part replaced", precursor.symptom)


def _without_overlaps(planned: list[Downtime]) -> list[Downtime]:
    """Leave out maintenance that would begin during other maintenance."""
    kept: list[Downtime] = []
    for down in sorted(planned, key=lambda each: each.start):
        if not kept or down.start > kept[-1].end + MIN_UPTIME_HOURS:
            kept.append(down)
    return kept


def _to_downtimes(
    failures: list[_Failure], planned: list[Downtime], outages: dict[float, float], rng: np.random.Generator
) -> tuple[list[Downtime], list[Precursor]]:
    """Convert failures to downtimes and precursors; failures of a node that is already down are left out.

    `outages` is {start: length} of the outages of the rack.
    """
    downtimes, precursors = list(planned), list[Precursor]()
    up_since = 0.0
    for failure in failures:
        down = _downtime(failure, outages, rng)
        if failure.start < up_since + MIN_UPTIME_HOURS or any(_overlap(down, work) for work in planned):
            continue
        if failure.mode is not None and rng.random() < failure.mode.precursor_share:
            start = max(failure.start - draw_lead(failure.mode, rng), up_since)
            precursors.append(_precursor(failure.mode, start, failure.start, rng, ends_in_failure=True))
        downtimes.append(down)
        up_since = down.end
    return sorted(downtimes, key=lambda each: each.start), precursors


def _downtime(failure: _Failure, outages: dict[float, float], rng: np.random.Generator) -> Downtime:
    """Draw the downtime of a failure; after an outage of the rack its length depends on that of the outage."""
    if failure.mode is None:
        outage = max(start for start in outages if start <= failure.start)
        end = failure.start + outages[outage] * rng.uniform(0.9, 1.2)
        return Downtime(failure.start, end, "failure", CAUSE_RACK)
    repair = max(failure.mode.repair.draw(rng), MIN_REPAIR_HOURS)
    return Downtime(failure.start, failure.start + repair, "failure", failure.mode.cause, failure.mode.symptom)


def _overlap(first: Downtime, second: Downtime) -> bool:
    """Return whether less than the minimum uptime is between two downtimes."""
    return first.start < second.end + MIN_UPTIME_HOURS and second.start < first.end + MIN_UPTIME_HOURS
