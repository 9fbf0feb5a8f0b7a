"""Kills ingests and training runs at random times: nothing may be lost, duplicated or registered in part."""

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
import pytest

from data.simulator.history.plan import SimulationPlan
from pipelines.operations.ingest import ingest
from pipelines.operations.simulate import simulate
from pipelines.settings.load import load
from pipelines.wiring import wiring
from tests.integration.killed_process import READY
from tests.pipelines.records import write_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pipelines.settings.schema import Settings

FEW_KILLS, ALL_KILLS = 20, 100  # in each change's CI, and in `make endurance`
ROUNDS = 5  # states, each of which is completed after a fifth of the kills, and compared
KEYS = {"telemetry": ("node", "ts"), "buckets": ("node", "bucket_end", "lateness")}


class StandbyProcesses:
    """Starts processes in advance, since their imports take longer than the step that is interrupted."""

    def __init__(self, work: str) -> None:
        self.work = work
        self.spare = self._start()

    def take(self) -> subprocess.Popen[str]:
        """Return a process that is ready, and start the next one."""
        process, self.spare = self.spare, self._start()
        assert process.stdout is not None
        assert process.stdout.readline().strip() == READY
        return process

    def close(self) -> None:
        self.spare.kill()
        self.spare.communicate()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-B", "-m", "tests.integration.killed_process", self.work]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - a module of the tests


@contextmanager
def standby_processes(work: str) -> Iterator[StandbyProcesses]:
    processes = StandbyProcesses(work)
    try:
        yield processes
    finally:
        processes.close()


@dataclass(frozen=True, slots=True)
class KilledStep:
    """A step of a flow in a separate process, which can be killed."""

    standby: StandbyProcesses
    config: Path
    state: Path

    @property
    def settings(self) -> Settings:
        return load(self.config, [f"state.path={self.state}"])

    def begin(self) -> subprocess.Popen[str]:
        process = self.standby.take()
        assert process.stdin is not None
        process.stdin.write(json.dumps([str(self.config), f"state.path={self.state}"]) + "\n")
        process.stdin.flush()
        return process

    def duration(self) -> float:
        """Run the step to its end and return the seconds."""
        start = time.monotonic()
        process = self.begin()
        process.communicate()
        assert process.returncode == 0
        return time.monotonic() - start

    def kill_after(self, seconds: float) -> bool:
        """Kill the step after some time; return whether it was still running."""
        process = self.begin()
        time.sleep(seconds)
        process.kill()
        process.communicate()
        return process.returncode < 0


def tables(settings: Settings) -> dict[str, pl.DataFrame]:
    """Return everything that an ingest writes, in a fixed order."""
    store = wiring.store(settings)
    with wiring.records(settings) as records:
        frames = {name: getattr(records, name)() for name in ("events", "nodes", "blind")}
    frames |= {table.name: table.scan().collect() for table in store.tables() if table.version() >= 0}
    return {name: table.select(sorted(table.columns)).sort(pl.all()) for name, table in frames.items()}


def require_no_duplicates(settings: Settings) -> None:
    store = wiring.store(settings)
    for table in (store.telemetry.table, store.buckets.table):
        if table.version() >= 0:
            keys = table.scan().select(KEYS[table.name]).collect()
            assert not keys.is_duplicated().any(), f"{table.name} has duplicate rows"


@pytest.fixture
def kills(pytestconfig: pytest.Config) -> int:
    return ALL_KILLS if pytestconfig.getoption("--endurance") else FEW_KILLS


@pytest.mark.endurance
def test_an_ingest_that_was_killed_often_ends_like_one_that_was_not(
    tmp_path: Path, kills: int, record_property: Callable[[str, object], None]
) -> None:
    simulate(SimulationPlan(60, 75, 3, datetime(2025, 1, 1, tzinfo=UTC), timedelta(hours=1)), tmp_path / "fleet")
    config, rng, killed = tmp_path / "fleet" / "nodeward.toml", np.random.default_rng(11), 0
    with standby_processes("ingest") as standby:
        undisturbed = KilledStep(standby, config, tmp_path / "undisturbed")
        duration, expected = undisturbed.duration(), tables(undisturbed.settings)
        for number in range(ROUNDS):
            step = KilledStep(standby, config, tmp_path / f"state{number}")
            for seconds in rng.uniform(0, duration, kills // ROUNDS):
                killed += step.kill_after(seconds)
                require_no_duplicates(step.settings)
            ingest(step.settings)
            ended = tables(step.settings)
            assert ended.keys() == expected.keys()
            for name, table in ended.items():
                assert table.equals(expected[name]), name
    record_property("kills while it ran", killed)
    assert killed > kills / 4, f"only {killed} of {kills} were killed while they ran"


@pytest.mark.endurance
def test_a_killed_training_run_leaves_no_model_that_is_registered_in_part(
    tmp_path: Path, kills: int, record_property: Callable[[str, object], None]
) -> None:
    write_folder(tmp_path)
    config, rng, killed = tmp_path / "nodeward.toml", np.random.default_rng(12), 0
    config.write_text(config.read_text().replace('"records"', f'"{tmp_path / "records"}"') + 'clock.now = "data"\n')
    with standby_processes("train") as standby:
        step = KilledStep(standby, config, tmp_path / "var")
        ingest(step.settings)
        before, duration = tables(step.settings), step.duration()
        for seconds in rng.uniform(0, duration, kills):
            killed += step.kill_after(seconds)
            count = require_complete_models(step.settings)
        step.duration()
        assert require_complete_models(step.settings) == count + 1
    record_property("kills while it ran", killed)
    assert killed > kills / 4, f"only {killed} of {kills} were killed while they ran"
    after = tables(step.settings)
    assert after.keys() == before.keys()
    assert all(table.equals(before[name]) for name, table in after.items())


def require_complete_models(settings: Settings) -> int:
    """Load every registered version, check that each alias exists once, and return the number of versions."""
    registry = wiring.registry(settings)
    versions = [each.version for each in registry.versions()]
    assert [registry.load(version)[0] for version in versions] == versions
    assert sorted(alias for each in registry.versions() for alias in each.aliases) == ["challenger", "champion"]
    return len(versions)
