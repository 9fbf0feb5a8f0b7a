"""The temperature of the air at a rack: season, day, cooling unit, and the position of the rack."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.signal import lfilter

from data.simulator.history.failure_modes import Lognormal
from data.simulator.history.plan import DAY_HOURS, RACKS_PER_COOLING_UNIT, YEAR_HOURS, SimulationPlan, Stream

if TYPE_CHECKING:
    from data.simulator.history.arrays import Floats

# M100's daily inlet temperatures have mean 21.8 °C and standard deviation 4.0 °C, over nodes and days.
SETPOINT: Final = 21.0
SEASON_AMPLITUDE: Final = 1.8  # °C
HOTTEST_DAY: Final = 205  # of the year
DAY_AMPLITUDE: Final = 0.8
HOTTEST_HOUR: Final = 15.0
DRIFT: Final = 1.2  # °C, standard deviation of a cooling unit's drift
DRIFT_HOURS: Final = 60.0
FAULTS_PER_YEAR: Final = 5.0  # of a cooling unit
FAULT_LENGTH: Final = Lognormal(3.0, 0.6)
FAULT_HEAT: Final = 6.0
RACK_SPREAD: Final = 1.5
SLOT_HEAT: Final = 2.5  # from the lowest to the highest position
COLDEST, HOTTEST = 12.0, 42.0


def room_temperature(plan: SimulationPlan, times: Floats) -> Floats:
    """Return the temperature of the room in °C, by season and time of day."""
    year = (plan.start.timetuple().tm_yday - HOTTEST_DAY) * DAY_HOURS + times
    clock = plan.start.hour + times - HOTTEST_HOUR
    season = SEASON_AMPLITUDE * np.cos(2 * math.pi * year / YEAR_HOURS)
    return np.asarray(SETPOINT + season + DAY_AMPLITUDE * np.cos(2 * math.pi * clock / DAY_HOURS))


def cooling_unit_heat(plan: SimulationPlan, unit: int, times: Floats) -> Floats:
    """Return what a cooling unit adds to that, in °C: a slow drift, and faults that last hours."""
    rng = plan.rng(Stream.COOLING, unit)
    keep = math.exp(-plan.step / DRIFT_HOURS)
    kicks = rng.standard_normal(len(times)) * DRIFT * math.sqrt(1 - keep**2)
    heat = np.asarray(lfilter([1.0], [1.0, -keep], kicks), dtype=np.float64)
    for start in rng.uniform(0.0, plan.hours, rng.poisson(FAULTS_PER_YEAR * plan.hours / YEAR_HOURS)):
        length = FAULT_LENGTH.draw(rng)
        heat += (
            FAULT_HEAT
            * np.clip((times - start) / length, 0.0, 1.0)
            * np.clip((start + 2 * length - times) / length, 0.0, 1.0)
        )
    return heat


def rack_air_temperature(plan: SimulationPlan, rack: int, times: Floats) -> Floats:
    """Return the temperature of the air at the bottom of a rack, in °C."""
    offset = plan.rng(Stream.RACK, rack, 2).normal(0.0, RACK_SPREAD)
    return room_temperature(plan, times) + cooling_unit_heat(plan, rack // RACKS_PER_COOLING_UNIT, times) + offset


def slot_heat(share: float) -> float:
    """Return what the position in the rack adds, in °C; `share` is 0 at the bottom and 1 at the top."""
    return SLOT_HEAT * (share - 0.5)
