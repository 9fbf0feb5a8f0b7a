"""Kills ingests and training runs at random moments: nothing may be lost, doubled or half-registered."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.simulator.history.plan import SimulationPlan
from pipelines.flows.ingest import merge_source
from pipelines.operations.simulate import simulate
from pipelines.settings.load import load
from pipelines.wiring import wiring
from tests.integration.victim import READY
from tests.pipelines.records import write_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipelines.settings.schema import Settings

MOMENTS = 100
ROUNDS = 5  # states that are finished after a fifth of the kills each, and compared
KEYS = {"telemetry": ("node", "ts"), "buckets": ("node", "bucket_end", "lateness")}


class Nursery:
    """Starts victims ahead of time, since importing takes longer than what is interrupted."""

    def __init__(self, work: str) -> None:
        self.work = work
        self.spare = self._start()

    def take(self) -> subprocess.Popen[str]:
        """Give a process that is ready for its order, and start the next one."""
        taken, self.spare = self.spare, self._start()
        assert taken.stdout is not None
        assert taken.stdout.readline().strip() == READY
        return taken

    def close(self) -> None:
        self.spare.kill()
        self.spare.communicate()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-B", "-m", "tests.integration.victim", self.work]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module


@contextmanager
def nursery(work: str) -> Iterator[Nursery]:
    opened = Nursery(work)
    try:
        yield opened
    finally:
        opened.close()


@dataclass(frozen=True, slots=True)
class Victim:
    """A step of a flow, in a process of its own that can be killed in the middle."""

    nursery: Nursery
    config: Path
    state: Path

    @property
    def settings(self) -> Settings:
        return load(self.config, [f"state.path={self.state}"])

    def begin(self) -> subprocess.Popen[str]:
        process = self.nursery.take()
        assert process.stdin is not None
        process.stdin.write(json.dumps([str(self.config), f"state.path={self.state}"]) + "\n")
        process.stdin.flush()
        return process

    def duration(self) -> float:
        """Let it run to its end; give the seconds."""
        began = time.monotonic()
        process = self.begin()
        process.communicate()
        assert process.returncode == 0
        return time.monotonic() - began

    def kill_after(self, seconds: float) -> bool:
        """Kill it after some time; say whether it was still at work."""
        process = self.begin()
        time.sleep(seconds)
        process.kill()
        process.communicate()
        return process.returncode < 0


def tables(settings: Settings) -> dict[str, pl.DataFrame]:
    """Read everything that an ingest writes, in an order of its own."""
    store = wiring.store(settings)
    with wiring.records(settings) as records:
        found = {name: getattr(records, name)() for name in ("events", "nodes", "blind")}
    found |= {table.name: table.scan().collect() for table in store.tables() if table.version() >= 0}
    return {name: table.select(sorted(table.columns)).sort(pl.all()) for name, table in found.items()}


def require_no_doubles(settings: Settings) -> None:
    store = wiring.store(settings)
    for table in (store.telemetry.table, store.buckets.table):
        if table.version() >= 0:
            keys = table.scan().select(KEYS[table.name]).collect()
            assert not keys.is_duplicated().any(), f"{table.name} has rows twice"


def test_an_ingest_that_is_killed_again_and_again_ends_as_one_that_was_not(tmp_path: Path) -> None:
    simulate(SimulationPlan(60, 75, 3, datetime(2025, 1, 1, tzinfo=UTC), timedelta(hours=1)), tmp_path / "fleet")
    config, rng, cut = tmp_path / "fleet" / "nodeward.toml", np.random.default_rng(11), 0
    with nursery("ingest") as spares:
        clean = Victim(spares, config, tmp_path / "clean")
        lasts, expected = clean.duration(), tables(clean.settings)
        for number in range(ROUNDS):
            victim = Victim(spares, config, tmp_path / f"state{number}")
            for seconds in rng.uniform(0, lasts, MOMENTS // ROUNDS):
                cut += victim.kill_after(seconds)
                require_no_doubles(victim.settings)
            merge_source.fn(victim.settings)
            for name, table in tables(victim.settings).items():
                assert table.equals(expected[name]), name
    assert cut > MOMENTS / 4, f"only {cut} of {MOMENTS} were killed at work"


def test_a_training_run_that_is_killed_leaves_no_half_registered_model(tmp_path: Path) -> None:
    write_folder(tmp_path)
    config, rng, cut = tmp_path / "nodeward.toml", np.random.default_rng(12), 0
    config.write_text(config.read_text().replace('"records"', f'"{tmp_path / "records"}"') + 'clock.now = "data"\n')
    with nursery("train") as spares:
        victim = Victim(spares, config, tmp_path / "var")
        merge_source.fn(victim.settings)
        before, lasts = tables(victim.settings), victim.duration()
        for seconds in rng.uniform(0, lasts, MOMENTS):
            cut += victim.kill_after(seconds)
            done = require_whole_models(victim.settings)
        victim.duration()
        assert require_whole_models(victim.settings) == done + 1
    assert cut > MOMENTS / 4, f"only {cut} of {MOMENTS} were killed at work"
    assert all(table.equals(before[name]) for name, table in tables(victim.settings).items())


def require_whole_models(settings: Settings) -> int:
    """Load every registered version, and find each role once; give the number of versions."""
    registry = wiring.registry(settings)
    versions = [one.version for one in registry.versions()]
    assert [registry.load(version)[0] for version in versions] == versions
    assert sorted(role for one in registry.versions() for role in one.aliases) == ["challenger", "champion"]
    return len(versions)
