"""The plan of a simulation, and the rule by which each of its parts draws its own random numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Final

import numpy as np

from data.errors import SettingsError
from data.time_grid import DAY

if TYPE_CHECKING:
    from data.simulator.history.arrays import Floats, Times

HOUR: Final = timedelta(hours=1)
DAY_HOURS: Final = 24.0
YEAR_HOURS: Final = 365.25 * DAY_HOURS
NODES_PER_RACK: Final = 20  # as in M100
RACKS_PER_COOLING_UNIT: Final = 8
MAX_NODES: Final = 1_000_000


class Stream(IntEnum):
    """The parts that draw random numbers; each has its own streams, so that its draws do not change those of others."""

    SITE = 0
    COOLING = 1
    RACK = 2
    LIFE = 3
    JOBS = 4
    NODE = 5
    TELEMETRY = 6


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """The size of the fleet, the simulated time, and the seed.

    Raises:
        SettingsError: if a number is out of bounds, or the interval does not divide a day.
    """

    nodes: int = 400
    days: int = 180
    seed: int = 1
    start: datetime = datetime(2025, 1, 1, tzinfo=UTC)
    interval: timedelta = timedelta(minutes=30)

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("nodes", self.nodes, 1, MAX_NODES),
            ("days", self.days, 1, 3650),
            ("seed", self.seed, 0, 2**63 - 1),
        ):
            if not low <= value <= high:
                raise SettingsError(f"--{name} = {value}", fix=f"give a number from {low:,} to {high:,}")
        if not timedelta(0) < self.interval <= DAY or DAY % self.interval:
            raise SettingsError(
                f"--interval = {self.interval / HOUR:g} h",
                fix="give a length that divides a day, such as 10m, 30m or 1h",
            )

    @property
    def end(self) -> datetime:
        """The end of the records."""
        return self.start + self.days * DAY

    @property
    def hours(self) -> float:
        """The length of the records; all times in the simulator are hours since its start."""
        return self.days * DAY_HOURS

    @property
    def step(self) -> float:
        """Hours between two samples."""
        return self.interval / HOUR

    @property
    def racks(self) -> int:
        """The number of racks; the last one may not be full."""
        return -(-self.nodes // NODES_PER_RACK)

    def sample_times(self) -> Floats:
        """Return the sample times in hours, each at the end of its interval; every midnight is one."""
        return np.arange(1, self.days * (DAY // self.interval) + 1, dtype=np.float64) * np.float64(self.step)

    def rng(self, stream: Stream, *which: int) -> np.random.Generator:
        """Return the generator of a part: always the same, whatever else is simulated."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(stream, *which)))

    def to_times(self, hours: Floats) -> Times:
        """Convert hours since the start to UTC times, rounded to seconds; nan becomes NaT."""
        seconds = np.round(np.asarray(hours, dtype=np.float64) * 3600.0)
        missing = np.isnan(seconds)
        whole = np.where(missing, 0, seconds).astype("timedelta64[s]")
        times = np.datetime64(self.start.replace(tzinfo=None), "us") + whole
        times[missing] = np.datetime64("NaT")
        return times
