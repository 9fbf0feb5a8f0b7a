"""One node's life: when it fails and of what, how long repairs take, and what shows before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.simulator.history import failure_rates
from data.simulator.history.failure_modes import (
    CAUSE_RACK,
    LONGEST_LEAD,
    MODES,
    Lognormal,
    Mode,
    Symptom,
    draw_lead,
    draw_mode,
)
from data.simulator.history.plan import YEAR_HOURS, SimulationPlan, Stream
from data.simulator.history.site_events import WEEK

if TYPE_CHECKING:
    from data.simulator.history.layout import Node
    from data.simulator.history.site_events import Rack, Site

SWAP_SHARE: Final = 0.3  # of the precursors that end in no failure: somebody replaced the part in time
SWAP: Final = Lognormal(3.0, 0.4)
STEADIEST, STEEPEST = 0.5, 2.0  # exponents of a precursor's rise
WORST: Final = (0.7, 1.0)  # how bad a precursor gets that ends in a failure,
MILD: Final = (0.2, 0.8)  # and one that does not
FITFUL_SHARE: Final = 0.25  # of precursors that come and go
RACK_JITTER: Final = 0.05  # hours between the nodes of a rack that loses power
SHORTEST_REPAIR: Final = 0.05
REJOIN: Final = 0.5  # hours up before a node can fail again


@dataclass(frozen=True, slots=True)
class Down:
    """A stretch in which the node is down."""

    start: float
    end: float
    kind: str
    cause: str
    renews: Symptom = Symptom.NONE  # the part that its repair replaced


@dataclass(frozen=True, slots=True)
class Precursor:
    """Something that grows worse from `start` to `end`: up to `peak`, by the power `shape`, or up and down again."""

    symptom: Symptom
    start: float
    end: float
    peak: float
    shape: float
    is_fitful: bool
    ends_in_failure: bool


@dataclass(frozen=True, slots=True)
class Life:
    """What happens to one node, in the order of time; downs do not overlap."""

    downs: tuple[Down, ...]
    precursors: tuple[Precursor, ...]


@dataclass(frozen=True, slots=True)
class _Strike:
    at: float
    mode: Mode | None  # none: the rack's power


def live(plan: SimulationPlan, node: Node, site: Site, rack: Rack) -> Life:
    """Draw a node's life, a little beyond the end of the records: what will fail then already shows."""
    rng = plan.rng(Stream.LIFE, node.index)
    horizon = plan.hours + LONGEST_LEAD
    strikes = _own_strikes(plan, node, site, rng)
    strikes += [
        _Strike(outage.start + rng.exponential(RACK_JITTER), None)
        for outage, share in zip(rack.outages, rack.hit, strict=True)
        if rng.random() < share
    ]
    idle = _idle_precursors(node, rng, horizon)
    lengths = {outage.start: outage.end - outage.start for outage in rack.outages}
    planned = [Down(turn.start, turn.end, "maintenance", "planned") for turn in rack.maintenance]
    planned += [_swap(found, rng) for found in idle if rng.random() < SWAP_SHARE]
    downs, shown = _unfold(sorted(strikes, key=lambda strike: strike.at), _apart(planned), lengths, rng)
    present = [down for down in downs if node.since < down.start < node.until]
    return Life(tuple(present), tuple(sorted([*idle, *shown], key=lambda found: found.start)))


def _own_strikes(plan: SimulationPlan, node: Node, site: Site, rng: np.random.Generator) -> list[_Strike]:
    """Draw failures at the node's own rate, by the hours and days at which nodes fail, each with its relapses."""
    peak, horizon = failure_rates.PEAK * failure_rates.MOST_STRAIN, plan.hours + LONGEST_LEAD
    rate = failure_rates.FAILURES_PER_NODE_YEAR * (1 - failure_rates.RELAPSE_SHARE) / YEAR_HOURS * node.frailty * peak
    moments = np.sort(rng.uniform(0.0, horizon, rng.poisson(rate * horizon)))
    strain = site.strain[(moments // WEEK).astype(np.int64)]
    kept = moments[rng.random(len(moments)) * peak < failure_rates.cycle(plan.start, moments) * strain]
    strikes: list[_Strike] = []
    for at in kept:
        strike: _Strike | None = _Strike(float(at), draw_mode(rng, has_gpu=node.has_gpu))
        while strike is not None and strike.at < horizon:
            strikes.append(strike)
            strike = _relapse(strike, node, rng)
    return strikes


def _relapse(strike: _Strike, node: Node, rng: np.random.Generator) -> _Strike | None:
    """Draw the failure that follows because the one before was not mended, if there is one."""
    if rng.random() >= failure_rates.RELAPSE_SHARE:
        return None
    mode = strike.mode if rng.random() < failure_rates.SAME_CAUSE_SHARE else draw_mode(rng, has_gpu=node.has_gpu)
    return _Strike(strike.at + failure_rates.RELAPSE_LAG.draw(rng), mode)


def _idle_precursors(node: Node, rng: np.random.Generator, horizon: float) -> list[Precursor]:
    """Draw the precursors that never end in a failure; they care less for frailty than failures do."""
    found = []
    for mode in MODES:
        rate = (
            failure_rates.FAILURES_PER_NODE_YEAR
            * mode.share
            * mode.seen
            * mode.false_alarms
            * (0.5 + 0.5 * node.frailty)
        )
        for start in rng.uniform(0.0, horizon, rng.poisson(rate / YEAR_HOURS * horizon)):
            end = float(start) + 1.5 * draw_lead(mode, rng)
            found.append(_precursor(mode, float(start), end, rng, ends_in_failure=False))
    return [one for one in found if one.symptom != Symptom.GPU or node.has_gpu]


def _precursor(mode: Mode, start: float, end: float, rng: np.random.Generator, *, ends_in_failure: bool) -> Precursor:
    return Precursor(
        symptom=mode.symptom,
        start=start,
        end=end,
        peak=float(rng.uniform(*WORST) if ends_in_failure else rng.uniform(*MILD)),
        shape=float(rng.uniform(STEADIEST, STEEPEST)),
        is_fitful=bool(rng.random() < FITFUL_SHARE),
        ends_in_failure=ends_in_failure,
    )


def _swap(found: Precursor, rng: np.random.Generator) -> Down:
    return Down(found.end, found.end + SWAP.draw(rng), "maintenance", "part replaced", found.symptom)


def _apart(planned: list[Down]) -> list[Down]:
    """Leave out work that would begin while other work goes on."""
    kept: list[Down] = []
    for down in sorted(planned, key=lambda one: one.start):
        if not kept or down.start > kept[-1].end + REJOIN:
            kept.append(down)
    return kept


def _unfold(
    strikes: list[_Strike], planned: list[Down], lengths: dict[float, float], rng: np.random.Generator
) -> tuple[list[Down], list[Precursor]]:
    """Turn strikes into downs and their precursors; one that meets a node that is down already is none."""
    downs, shown = list(planned), list[Precursor]()
    free = 0.0
    for strike in strikes:
        down = _down(strike, lengths, rng)
        if strike.at < free + REJOIN or any(_meet(down, work) for work in planned):
            continue
        if strike.mode is not None and rng.random() < strike.mode.seen:
            start = max(strike.at - draw_lead(strike.mode, rng), free)
            shown.append(_precursor(strike.mode, start, strike.at, rng, ends_in_failure=True))
        downs.append(down)
        free = down.end
    return sorted(downs, key=lambda one: one.start), shown


def _down(strike: _Strike, lengths: dict[float, float], rng: np.random.Generator) -> Down:
    if strike.mode is None:
        begun = max(start for start in lengths if start <= strike.at)
        return Down(strike.at, strike.at + lengths[begun] * rng.uniform(0.9, 1.2), "failure", CAUSE_RACK)
    repair = max(strike.mode.repair.draw(rng), SHORTEST_REPAIR)
    return Down(strike.at, strike.at + repair, "failure", strike.mode.cause, strike.mode.symptom)


def _meet(down: Down, work: Down) -> bool:
    return down.start < work.end + REJOIN and work.start < down.end + REJOIN
