"""What strikes more than one node: maintenance waves, racks that lose power, and collectors that are down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.simulator.history import failure_rates
from data.simulator.history.failure_modes import LONGEST_LEAD, RACK_REPAIR, Lognormal
from data.simulator.history.plan import YEAR_HOURS, SimulationPlan, Stream

if TYPE_CHECKING:
    from data.simulator.history.arrays import Floats

BLIND_LENGTH: Final = Lognormal(5.0, 1.1)
SILENCE_LENGTH: Final = Lognormal(4.0, 1.0)
LONGEST_SILENCE: Final = 72.0
WAVE_LENGTH: Final = Lognormal(5.0, 0.35)
WAVE_HOUR: Final = 7.0
GROUP_RACKS: Final = 6  # racks that maintenance takes down together
GROUP_LAG: Final = 1.5  # hours until it takes the next ones
GROUPS: Final = 8
WEEK: Final = 7 * 24.0
HIT_SHARE: Final = (0.1, 0.9)  # of a rack's nodes, when its power or cooling fails


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in hours since the start."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Site:
    """What happens to the whole fleet: maintenance waves, blind periods, and how each week strains it (mean 1)."""

    waves: tuple[Span, ...]
    blind: tuple[Span, ...]
    strain: Floats


@dataclass(frozen=True, slots=True)
class Rack:
    """What happens to one rack: power or cooling lost by a share of its nodes, its collector silent, maintenance."""

    outages: tuple[Span, ...]
    hit: tuple[float, ...]
    silences: tuple[Span, ...]
    maintenance: tuple[Span, ...]


def draw_site(plan: SimulationPlan) -> Site:
    """Draw what happens to the whole fleet."""
    rng = plan.rng(Stream.SITE)
    blind = _spans(rng, plan, failure_rates.BLIND_PER_YEAR, BLIND_LENGTH)
    starts = _moments(rng, plan.hours, failure_rates.WAVES_PER_YEAR)
    mornings = sorted({start // 24.0 * 24.0 + WAVE_HOUR for start in starts})
    waves = tuple(Span(at, at + WAVE_LENGTH.draw(rng)) for at in mornings)
    return Site(waves, _disjoint(blind, plan.hours), _draw_strain(rng, plan))


def _draw_strain(rng: np.random.Generator, plan: SimulationPlan) -> Floats:
    weeks = int((plan.hours + LONGEST_LEAD) // WEEK) + 1
    drawn = rng.lognormal(-(failure_rates.STRAIN_SIGMA**2) / 2, failure_rates.STRAIN_SIGMA, weeks)
    return np.minimum(drawn, failure_rates.MOST_STRAIN)


def draw_rack(plan: SimulationPlan, site: Site, rack: int) -> Rack:
    """Draw what happens to one rack."""
    rng = plan.rng(Stream.RACK, rack, 1)
    outages = _spans(rng, plan, failure_rates.RACK_FAILURES_PER_YEAR, RACK_REPAIR)
    silences = _spans(rng, plan, failure_rates.RACK_SILENCES_PER_YEAR, SILENCE_LENGTH)
    lag = rack // GROUP_RACKS % GROUPS * GROUP_LAG
    turns = tuple(Span(wave.start + lag, wave.end + lag) for wave in site.waves)
    apart = _disjoint(outages, plan.hours)
    return Rack(apart, tuple(rng.uniform(*HIT_SHARE, len(apart))), _disjoint(silences, plan.hours), turns)


def _moments(rng: np.random.Generator, hours: float, per_year: float) -> list[float]:
    return sorted(float(at) for at in rng.uniform(0.0, hours, rng.poisson(per_year * hours / YEAR_HOURS)))


def _spans(rng: np.random.Generator, plan: SimulationPlan, per_year: float, length: Lognormal) -> list[Span]:
    return [Span(at, at + min(length.draw(rng), LONGEST_SILENCE)) for at in _moments(rng, plan.hours, per_year)]


def _disjoint(spans: list[Span], hours: float) -> tuple[Span, ...]:
    """Keep the spans that start after the ones before are over, cut at the end of the records."""
    kept: list[Span] = []
    for span in spans:
        if not kept or span.start > kept[-1].end:
            kept.append(Span(span.start, min(span.end, hours)))
    return tuple(span for span in kept if span.end > span.start)
