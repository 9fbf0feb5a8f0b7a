"""What strikes more than one node: maintenance waves, racks that lose power, and collectors that are down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from data.simulator import rates
from data.simulator.modes import RACK_REPAIR, Lognormal
from data.simulator.plan import YEAR_HOURS, Plan, Stream

if TYPE_CHECKING:
    import numpy as np

BLIND_LENGTH: Final = Lognormal(5.0, 1.1)
SILENCE_LENGTH: Final = Lognormal(4.0, 1.0)
LONGEST_SILENCE: Final = 72.0
WAVE_LENGTH: Final = Lognormal(5.0, 0.35)
WAVE_HOUR: Final = 7.0
GROUP_RACKS: Final = 6  # racks that maintenance takes down together
GROUP_LAG: Final = 1.5  # hours until it takes the next ones
GROUPS: Final = 8


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, in hours since the start."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Site:
    """What happens to the whole fleet: starts of maintenance waves with their lengths, and blind periods."""

    waves: tuple[Span, ...]
    blind: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Rack:
    """What happens to one rack: power or cooling lost, its collector silent, its turn in each maintenance wave."""

    outages: tuple[Span, ...]
    silences: tuple[Span, ...]
    maintenance: tuple[Span, ...]


def draw_site(plan: Plan) -> Site:
    """Draw what happens to the whole fleet."""
    rng = plan.rng(Stream.SITE)
    blind = _spans(rng, plan, rates.BLIND_PER_YEAR, BLIND_LENGTH)
    starts = _moments(rng, plan.hours, rates.WAVES_PER_YEAR)
    mornings = sorted({start // 24.0 * 24.0 + WAVE_HOUR for start in starts})
    return Site(tuple(Span(at, at + WAVE_LENGTH.draw(rng)) for at in mornings), _disjoint(blind, plan.hours))


def draw_rack(plan: Plan, site: Site, rack: int) -> Rack:
    """Draw what happens to one rack."""
    rng = plan.rng(Stream.RACK, rack, 1)
    outages = _spans(rng, plan, rates.RACK_FAILURES_PER_YEAR, RACK_REPAIR)
    silences = _spans(rng, plan, rates.RACK_SILENCES_PER_YEAR, SILENCE_LENGTH)
    lag = rack // GROUP_RACKS % GROUPS * GROUP_LAG
    turns = tuple(Span(wave.start + lag, wave.end + lag) for wave in site.waves)
    return Rack(_disjoint(outages, plan.hours), _disjoint(silences, plan.hours), turns)


def _moments(rng: np.random.Generator, hours: float, per_year: float) -> list[float]:
    return sorted(float(at) for at in rng.uniform(0.0, hours, rng.poisson(per_year * hours / YEAR_HOURS)))


def _spans(rng: np.random.Generator, plan: Plan, per_year: float, length: Lognormal) -> list[Span]:
    return [Span(at, at + min(length.draw(rng), LONGEST_SILENCE)) for at in _moments(rng, plan.hours, per_year)]


def _disjoint(spans: list[Span], hours: float) -> tuple[Span, ...]:
    """Keep the spans that start after the ones before are over, cut at the end of the records."""
    kept: list[Span] = []
    for span in spans:
        if not kept or span.start > kept[-1].end:
            kept.append(Span(span.start, min(span.end, hours)))
    return tuple(span for span in kept if span.end > span.start)
