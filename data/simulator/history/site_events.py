"""Events of more than one node: maintenance waves, racks that lose power, and collectors that are down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from data.simulator.history import failure_rates
from data.simulator.history.failure_modes import MAX_LEAD_HOURS, RACK_REPAIR, Lognormal
from data.simulator.history.plan import YEAR_HOURS, SimulationPlan, Stream

if TYPE_CHECKING:
    from data.simulator.history.arrays import Floats

BLIND_HOURS: Final = Lognormal(5.0, 1.1)
SILENCE_HOURS: Final = Lognormal(4.0, 1.0)
MAX_SPAN_HOURS: Final = 72.0
WAVE_HOURS: Final = Lognormal(5.0, 0.35)
WAVE_START_HOUR: Final = 7.0
GROUP_RACKS: Final = 6  # racks that are under maintenance together
GROUP_LAG_HOURS: Final = 1.5  # until the next group of racks
GROUPS: Final = 8
WEEK: Final = 7 * 24.0
AFFECTED_SHARE: Final = (0.1, 0.9)  # of a rack's nodes, if its power or cooling fails


@dataclass(frozen=True, slots=True)
class HourSpan:
    """A span of time, in hours since the start."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class SiteEvents:
    """Events of the whole fleet: maintenance waves, blind periods, and a factor of the weekly failure rate, mean 1."""

    maintenance_waves: tuple[HourSpan, ...]
    blind: tuple[HourSpan, ...]
    weekly_rate: Floats


@dataclass(frozen=True, slots=True)
class RackEvents:
    """Events of one rack: outages of shares of its nodes, silences of its collector, and maintenance."""

    outages: tuple[HourSpan, ...]
    affected_shares: tuple[float, ...]
    silences: tuple[HourSpan, ...]
    maintenance: tuple[HourSpan, ...]


def draw_site(plan: SimulationPlan) -> SiteEvents:
    """Draw the events of the whole fleet."""
    rng = plan.rng(Stream.SITE)
    blind = _spans(rng, plan, failure_rates.BLIND_PERIODS_PER_YEAR, BLIND_HOURS)
    starts = _draw_times(rng, plan.hours, failure_rates.MAINTENANCE_WAVES_PER_YEAR)
    mornings = sorted({start // 24.0 * 24.0 + WAVE_START_HOUR for start in starts})
    waves = tuple(HourSpan(start, start + WAVE_HOURS.draw(rng)) for start in mornings)
    return SiteEvents(waves, _disjoint(blind, plan.hours), _draw_weekly_rates(rng, plan))


def _draw_weekly_rates(rng: np.random.Generator, plan: SimulationPlan) -> Floats:
    weeks = int((plan.hours + MAX_LEAD_HOURS) // WEEK) + 1
    drawn = rng.lognormal(-(failure_rates.WEEKLY_RATE_SIGMA**2) / 2, failure_rates.WEEKLY_RATE_SIGMA, weeks)
    return np.minimum(drawn, failure_rates.MAX_WEEKLY_RATE)


def draw_rack(plan: SimulationPlan, site: SiteEvents, rack: int) -> RackEvents:
    """Draw the events of one rack."""
    rng = plan.rng(Stream.RACK, rack, 1)
    outages = _spans(rng, plan, failure_rates.RACK_FAILURES_PER_YEAR, RACK_REPAIR)
    silences = _spans(rng, plan, failure_rates.RACK_SILENCES_PER_YEAR, SILENCE_HOURS)
    lag = rack // GROUP_RACKS % GROUPS * GROUP_LAG_HOURS
    maintenance = tuple(HourSpan(wave.start + lag, wave.end + lag) for wave in site.maintenance_waves)
    disjoint = _disjoint(outages, plan.hours)
    shares = tuple(rng.uniform(*AFFECTED_SHARE, len(disjoint)))
    return RackEvents(disjoint, shares, _disjoint(silences, plan.hours), maintenance)


def _draw_times(rng: np.random.Generator, hours: float, per_year: float) -> list[float]:
    return sorted(float(time) for time in rng.uniform(0.0, hours, rng.poisson(per_year * hours / YEAR_HOURS)))


def _spans(rng: np.random.Generator, plan: SimulationPlan, per_year: float, length: Lognormal) -> list[HourSpan]:
    return [
        HourSpan(start, start + min(length.draw(rng), MAX_SPAN_HOURS))
        for start in _draw_times(rng, plan.hours, per_year)
    ]


def _disjoint(spans: list[HourSpan], hours: float) -> tuple[HourSpan, ...]:
    """Keep the spans that start after the end of the previous one, cut at the end of the records."""
    kept: list[HourSpan] = []
    for span in spans:
        if not kept or span.start > kept[-1].end:
            kept.append(HourSpan(span.start, min(span.end, hours)))
    return tuple(span for span in kept if span.end > span.start)
