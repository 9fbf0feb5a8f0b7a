"""What a simulated node counts: errors since its last boot, worn sectors since the disk was new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from data.simulator.modes import Lognormal, Symptom
from data.simulator.plan import DAY_HOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from data.simulator.arrays import Floats
    from data.simulator.life import Down
    from data.simulator.signals import Body

# Events an hour: in health (over nodes), and at the worst of a precursor.
ECC_HEALTHY, ECC_WORST = Lognormal(0.004, 2.0), 60.0
GPU_HEALTHY, GPU_WORST = Lognormal(0.001, 1.5), 2.5
NETWORK_HEALTHY, NETWORK_WORST = Lognormal(0.05, 1.6), 120.0
SECTORS_HEALTHY, SECTORS_WORST = Lognormal(0.0004, 1.5), 1.6
STEEP: Final = 1.5  # errors rise with severity to this power
WEAR_DAILY: Final = 0.035  # % a day under average load
WEAR_WORST: Final = 0.6  # % a day, at the worst


def counts(body: Body, downs: Sequence[Down], rng: np.random.Generator) -> dict[str, Floats]:
    """Give the counters and the wear; a boot zeroes what the system counts, a new disk what the disk does."""
    bad, load = body.severity, np.full(len(body.times), 0.6)
    boots = [down.end for down in downs]
    disks = [down.end for down in downs if down.renews is Symptom.DISK]
    ecc = ECC_HEALTHY.draw(rng) + ECC_WORST * bad[Symptom.MEMORY] ** STEEP
    gpu = GPU_HEALTHY.draw(rng) + GPU_WORST * bad[Symptom.GPU] ** STEEP
    network = NETWORK_HEALTHY.draw(rng) + NETWORK_WORST * bad[Symptom.NETWORK] ** STEEP
    sectors = SECTORS_HEALTHY.draw(rng) + SECTORS_WORST * bad[Symptom.DISK] ** STEEP
    used = float(rng.poisson(4.0) * (rng.random() < 0.3))  # noqa: PLR2004 - a third of disks has sectors replaced when records start
    found = {
        "ecc_correctable": _count(ecc, body, boots, rng),
        "gpu_errors": _count(gpu, body, boots, rng),
        "network_errors": _count(network, body, boots, rng),
        "disk_reallocated": _count(sectors, body, disks, rng, used),
    }
    if not body.node.has_gpu:
        found["gpu_errors"] = np.full(len(body.times), np.nan)
    daily = rng.lognormal(0.0, 0.4) * WEAR_DAILY * load / 0.6 + WEAR_WORST * bad[Symptom.DISK]
    worn = body.node.age_days * WEAR_DAILY
    return {**found, "disk_wear": np.minimum(_summed(daily * body.step / DAY_HOURS, body.times, disks, worn), 100.0)}


def _count(rate: Floats, body: Body, resets: Sequence[float], rng: np.random.Generator, before: float = 0.0) -> Floats:
    return _summed(rng.poisson(rate * body.step).astype(np.float64), body.times, resets, before)


def _summed(steps: Floats, times: Floats, resets: Sequence[float], before: float) -> Floats:
    """Sum up from `before`, from zero again after each reset."""
    total = np.cumsum(steps) + before
    firsts = np.searchsorted(times, np.asarray(resets, dtype=np.float64))
    for first in firsts[firsts < len(times)]:
        total[first:] -= total[first - 1] if first else before
    return total


def boot_times(body: Body, downs: Sequence[Down], uptime: float) -> Floats:
    """Give the hour of the last boot; `uptime` is how long the node was up when it first reported."""
    boots = np.array([body.node.since - uptime, *(down.end for down in downs)])
    return boots[np.searchsorted(boots, body.times, side="right") - 1]
