"""Compares the simulated fleet with LANL and M100, and updates docs/simulator.md.

`python -m tests.benchmarks.compare_simulator`; with `--print`, the page and its picture stay as they are.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.simulator.history.plan import SimulationPlan
from tests.benchmarks import clustering
from tests.benchmarks.clustering import FailureRecords
from tests.benchmarks.simulator_picture import draw
from tests.data.real import DATASETS
from tests.data.simulator.plans import histories

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
PAGE: Final = ROOT / "docs" / "simulator.md"
PICTURE: Final = ROOT / "docs" / "img" / "simulator.svg"
BEGIN, END = "<!-- compare_simulator: begin -->", "<!-- compare_simulator: end -->"
CLUSTERS: Final = ("s18", "s19", "s20")  # LANL's clusters of four-processor nodes, the nearest to today's fleets
NODES, DAYS = 2000, 365  # of the simulated fleet that is compared: as many nodes as LANL's clusters, as long as M100
NONE: Final = "-"


def lanl(name: str, systems: Sequence[str] = ()) -> FailureRecords:
    """Read LANL's failures, of some systems or of all."""
    events, nodes = (pl.read_parquet(DATASETS / "lanl" / f"{table}.parquet") for table in ("events", "nodes"))
    nodes = nodes.filter(pl.col("system").is_in(systems)) if systems else nodes
    return FailureRecords.of(name, events, nodes, "system")


def m100() -> FailureRecords:
    """Read M100's failures."""
    events, nodes = (pl.read_parquet(DATASETS / "m100" / f"{table}.parquet") for table in ("events", "nodes"))
    return FailureRecords.of("M100", events, nodes, "rack")


def simulated(seed: int = 1) -> FailureRecords:
    """Simulate the histories of a fleet, without its telemetry."""
    plan = SimulationPlan(nodes=NODES, days=DAYS, seed=seed, interval=timedelta(days=1))
    parts = list(histories(plan))
    events, nodes = (pl.concat(tables) for tables in zip(*parts, strict=True))
    return FailureRecords.of("simulated", events, nodes, "rack")


def figures(fleets: Sequence[FailureRecords], seed: int = 0) -> list[tuple[str, ...]]:
    """Compute the table: a row for each figure, a column for each fleet."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[str, Callable[[FailureRecords], str]]] = [
        ("nodes", lambda fleet: f"{fleet.nodes.height:,}"),
        ("node-years seen", lambda fleet: f"{fleet.node_years:,.0f}"),
        ("failures", lambda fleet: f"{fleet.failures.height:,}"),
        ("failures per node-year", lambda fleet: f"{fleet.failures.height / fleet.node_years:.2f}"),
        ("between a node's failures: median, days", lambda fleet: f"{np.median(fleet.gaps()) / 24:.1f}"),
        ("... coefficient of variation", lambda fleet: f"{clustering.variation(fleet.gaps()):.2f}"),
        ("... Weibull shape", lambda fleet: f"{clustering.weibull_shape(fleet.gaps()):.2f}"),
        ("... share within a day", lambda fleet: f"{(fleet.gaps() <= 24).mean():.2f}"),
        (
            "between the fleet's failures: coefficient of variation",
            lambda f: f"{clustering.variation(f.fleet_gaps()):.2f}",
        ),
        ("... Weibull shape", lambda fleet: f"{clustering.weibull_shape(fleet.fleet_gaps()):.2f}"),
        ("repair: median, hours", lambda fleet: f"{np.median(fleet.repairs()):.2f}"),
        ("... mean", lambda fleet: f"{fleet.repairs().mean():.2f}"),
        ("... 90%", lambda fleet: f"{np.quantile(fleet.repairs(), 0.9):.1f}"),
        ("nodes that never fail, share", lambda fleet: f"{(fleet.counts() == 0).mean():.2f}"),
        ("failures on the worst 1% of nodes, share", lambda fleet: f"{clustering.worst_share(fleet, 0.01):.2f}"),
        ("... on the worst 10%", lambda fleet: f"{clustering.worst_share(fleet, 0.1):.2f}"),
        (
            "failures within 7 days of the node's last, share (shuffled, Poisson)",
            lambda fleet: _soon_shares(fleet, 7, rng),
        ),
        ("... within 30 days", lambda fleet: _soon_shares(fleet, 30, rng)),
        (
            "failures with another node of the rack that day, share (shuffled)",
            lambda fleet: _together_shares(fleet, rng),
        ),
    ]
    return [(name, *(figure(fleet) for fleet in fleets)) for name, figure in rows]


def _soon_shares(fleet: FailureRecords, days: float, rng: np.random.Generator) -> str:
    expected, shuffled = clustering.soon_share_by_chance(fleet, days), clustering.soon_share_shuffled(fleet, days, rng)
    return f"{clustering.soon_share(fleet, days):.2f} ({shuffled:.2f}, {expected:.2f})"


def _together_shares(fleet: FailureRecords, rng: np.random.Generator) -> str:
    if not fleet.has_racks:
        return NONE
    shuffled = clustering.together_share_by_chance(fleet.failures, rng)
    return f"{clustering.together_share(fleet.failures):.3f} ({shuffled:.3f})"


def distances(real: Sequence[FailureRecords], simulated_fleet: FailureRecords) -> list[tuple[str, ...]]:
    """Compute how far the simulated distributions are from the real ones (Kolmogorov-Smirnov)."""
    rows: dict[str, Callable[[FailureRecords], clustering.Floats]] = {
        "KS distance, between a node's failures": FailureRecords.gaps,
        "KS distance, the same over its mean": lambda fleet: fleet.gaps() / fleet.gaps().mean(),
        "KS distance, between the fleet's failures over its mean": lambda f: f.fleet_gaps() / f.fleet_gaps().mean(),
        "KS distance, repair": FailureRecords.repairs,
    }
    return [
        (name, *(f"{clustering.distance(sample(fleet), sample(simulated_fleet)):.2f}" for fleet in real), NONE)
        for name, sample in rows.items()
    ]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format rows as a Markdown table."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def update(page: Path, text: str) -> None:
    """Replace the text between the page's two marks."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Compare, print, and update the page and its picture."""
    real = [lanl("LANL, all systems"), lanl("LANL, systems 18-20", CLUSTERS), m100()]
    fleets = [*real, simulated()]
    rows = figures(fleets) + distances(real, fleets[-1])
    text = table(["", *(fleet.name for fleet in fleets)], rows)
    sys.stdout.write(text + "\n")
    if "--print" not in sys.argv:
        update(PAGE, text)
        draw(fleets, PICTURE)


if __name__ == "__main__":
    main()
