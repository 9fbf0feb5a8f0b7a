"""How the failures of a fleet are spread over nodes and time: figures to compare a simulated fleet with a real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

HOUR: Final = 3600.0
YEAR: Final = 365.25 * 24.0
SHUFFLES: Final = 20


@dataclass(frozen=True, slots=True)
class FailureRecords:
    """A fleet's failures (node, start, end) and nodes (node, group, since, until) while it was observed."""

    name: str
    failures: pl.DataFrame
    nodes: pl.DataFrame
    has_racks: bool

    @classmethod
    def of(cls, name: str, events: pl.DataFrame, nodes: pl.DataFrame, group: str) -> FailureRecords:
        """Join a fleet's tables; nodes without an end are observed until the last event begins."""
        end = events.select(pl.col("start").max()).item()
        observed = nodes.select(
            "node",
            group=pl.col(group),
            since=pl.col("observed_from").dt.cast_time_unit("us"),
            until=pl.col("observed_until").dt.cast_time_unit("us").fill_null(end),
        )
        failures = events.filter(pl.col("kind") == "failure").select("node", "start", "end")
        return cls(name, failures.join(observed, on="node").sort("node", "start"), observed, group == "rack")

    @property
    def node_years(self) -> float:
        """Years of observation, summed over all nodes."""
        seconds = (self.nodes["until"] - self.nodes["since"]).dt.total_seconds()
        return float(seconds.sum()) / HOUR / YEAR

    def gaps(self) -> Floats:
        """Hours from each failure of a node to its next one."""
        gap = (pl.col("start") - pl.col("start").shift(1).over("node")).dt.total_seconds() / HOUR
        return _positive(self.failures.select(gap))

    def fleet_gaps(self) -> Floats:
        """Hours from each failure of the fleet to its next one."""
        return _positive(self.failures.sort("start").select(pl.col("start").diff().dt.total_seconds() / HOUR))

    def repairs(self) -> Floats:
        """Hours of down time, where known."""
        return _positive(self.failures.select((pl.col("end") - pl.col("start")).dt.total_seconds() / HOUR))

    def counts(self) -> NDArray[np.int64]:
        """Number of failures of each node, the most first."""
        counted = self.nodes.join(self.failures.group_by("node").len(), on="node", how="left")
        return np.sort(counted["len"].fill_null(0).to_numpy().astype(np.int64))[::-1]


def _positive(hours: pl.DataFrame) -> Floats:
    values = hours.to_series().drop_nulls().to_numpy()
    return np.asarray(values[values > 0], dtype=np.float64)


def weibull_shape(hours: Floats) -> float:
    """Fit a Weibull distribution by maximum likelihood and return its shape; 1 is memoryless, less is clustered."""
    return float(stats.weibull_min.fit(hours, floc=0)[0])


def variation(hours: Floats) -> float:
    """Compute the coefficient of variation; 1 for an exponential distribution."""
    return float(hours.std() / hours.mean())


def worst_share(fleet: FailureRecords, share: float) -> float:
    """Compute the share of all failures that are on a share of the nodes, the worst ones."""
    counts = fleet.counts()
    return float(counts[: max(round(share * len(counts)), 1)].sum() / counts.sum())


def soon_share(fleet: FailureRecords, days: float) -> float:
    """Compute the share of failures that follow their node's last one within some days."""
    return float((fleet.gaps() <= 24.0 * days).sum() / fleet.failures.height)


def soon_share_by_chance(fleet: FailureRecords, days: float) -> float:
    """Compute the expected share if all nodes failed at the same constant rate."""
    expected = fleet.failures.height / fleet.node_years / YEAR * 24.0 * days
    return float(1.0 - np.exp(-expected))


def soon_share_shuffled(fleet: FailureRecords, days: float, rng: np.random.Generator) -> float:
    """Compute the mean share if each node's failures were at random times of its observation."""
    since, until = (fleet.failures[name].dt.timestamp("us").to_numpy() for name in ("since", "until"))
    shares = []
    for _ in range(SHUFFLES):
        times = (since + rng.random(len(since)) * (until - since)).astype(np.int64)
        start = pl.Series("start", times).cast(pl.Datetime("us", "UTC"))
        shuffled = fleet.failures.with_columns(start).sort("node", "start")
        shares.append(soon_share(FailureRecords(fleet.name, shuffled, fleet.nodes, fleet.has_racks), days))
    return float(np.mean(shares))


def together_share(failures: pl.DataFrame) -> float:
    """Compute the share of failures on whose day another node of their rack failed."""
    by_day = failures.with_columns(day=pl.col("start").dt.date())
    is_shared = by_day.select(pl.col("node").n_unique().over("group", "day") > 1).to_series()
    return float(is_shared.sum()) / len(is_shared)


def together_share_by_chance(failures: pl.DataFrame, rng: np.random.Generator) -> float:
    """Compute the mean share if the days of all failures were permuted among the nodes."""
    shares = [
        together_share(failures.with_columns(failures["start"].gather(rng.permutation(failures.height))))
        for _ in range(SHUFFLES)
    ]
    return float(np.mean(shares))


def distance(left: Floats, right: Floats) -> float:
    """Compute the Kolmogorov-Smirnov distance of two samples."""
    return float(stats.ks_2samp(left, right).statistic)
