"""A score from stored windows equals one from all buckets, whatever was ingested in between."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from data.delta.compaction import compact, delete_until, vacuum
from data.delta.store import Store
from data.delta.telemetry import TelemetryChange
from data.disk.cache import MANIFEST
from data.schema import AVAILABLE_AT, TS
from data.view import RecordFrames, hindsight
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.compute import batch, online
from features.grid import to_numpy
from features.population.at_risk import assess
from pipelines.wiring.model_features import ModelFeatures
from pipelines.wiring.window_cache import resume_windows
from tests.features.fleets import DAY, START, Fleet
from tests.features.synthetic import METRICS, WIDTH, synthetic

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CATALOGUE = build(FleetCapabilities(METRICS, (DAY, 3 * DAY), has_racks=True, has_hardware=True))
FEATURES = ModelFeatures(CATALOGUE, METRICS, (), ())
FIRST = START + 6 * DAY


@dataclass(frozen=True, slots=True)
class Site:
    """A store that telemetry is ingested into as it becomes known."""

    fleet: Fleet
    store: Store
    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Site:
        fleet = synthetic(np.random.default_rng(8), nodes=8, days=10)
        return cls(fleet, Store.open(folder / "tables", WIDTH), folder / "windows")

    def ingest(self, rows: pl.DataFrame) -> None:
        telemetry = self.store.telemetry
        change = TelemetryChange.none(telemetry.table.version()).followed_by(telemetry.merge(rows))
        self.store.buckets.refresh(telemetry, change)

    def known_by(self, at: datetime, since: datetime = START - DAY) -> pl.DataFrame:
        return self.fleet.telemetry.filter((pl.col(AVAILABLE_AT) > since) & (pl.col(AVAILABLE_AT) <= at))

    def score(
        self, at: datetime, model_features: ModelFeatures = FEATURES
    ) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Compute features from the stored windows, check them against batch, and return them with the notices."""
        records = RecordFrames(self.fleet.events, self.fleet.nodes, self.fleet.blind)
        view = hindsight(records, WIDTH, self.store.buckets).narrow(at)
        risk = assess(view, np.array([to_numpy(at)]), None)
        rows, catalogue = risk.rows(), model_features.catalogue
        expected = batch.compute(catalogue, view, risk, rows)
        with resume_windows(self.folder, self.store, view, model_features) as windows:
            if windows.cache is None:
                return expected, ("not stored",)
            features = online.compute(catalogue, view, risk, rows, windows.cache)
        assert np.allclose(features, expected, rtol=1e-5, atol=1e-6, equal_nan=True)
        return features, windows.notices


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site that was scored once."""
    site = Site.at(tmp_path)
    site.ingest(site.known_by(FIRST))
    assert site.score(FIRST)[1] == ()
    return site


def test_step_by_step_as_samples_become_known(site: Site) -> None:
    notices = []
    for step in range(1, 4):
        at = FIRST + step * WIDTH
        site.ingest(site.known_by(at, at - WIDTH))
        notices.append(site.score(at)[1])
    assert notices == [(), (), ()]


def test_everything_is_ingested_at_once_and_becomes_known_later(site: Site) -> None:
    site.ingest(site.fleet.telemetry)
    assert [site.score(FIRST + step * WIDTH)[1] for step in (0, 1, 5)] == [(), (), ()]


def test_rows_that_are_corrected_long_after_repair_the_windows_that_hold_them(site: Site) -> None:
    before, _ = site.score(FIRST)
    changed = site.known_by(FIRST).filter(pl.col(TS) == pl.col(TS).filter(pl.col(TS) <= FIRST - 2 * DAY).max())
    hotter = changed.with_columns(pl.lit(500.0).alias("temperature"), pl.col(AVAILABLE_AT) + timedelta(microseconds=1))
    site.ingest(hotter)
    after, notices = site.score(FIRST)
    assert notices == ()
    assert not np.array_equal(before, after, equal_nan=True)


def test_the_same_time_twice_gives_the_same_bits(site: Site) -> None:
    assert site.score(FIRST)[0].tobytes() == site.score(FIRST)[0].tobytes()


def test_an_earlier_time_is_scored_from_the_buckets_and_leaves_the_stored_windows(site: Site) -> None:
    stored = (site.folder / MANIFEST).read_bytes()
    assert site.score(FIRST - WIDTH)[1] == ("not stored",)
    assert (site.folder / MANIFEST).read_bytes() == stored


def test_maintenance_that_changes_no_row_changes_nothing(site: Site) -> None:
    buckets = site.store.buckets
    compact(buckets.table)
    vacuum(buckets.table, (), timedelta(0))
    buckets.mark_finished(site.store.telemetry)
    assert site.score(FIRST + WIDTH)[1] == ()


def test_after_buckets_were_deleted_the_windows_are_recomputed(site: Site) -> None:
    delete_until(site.store.buckets.table, FIRST - 2 * DAY)
    site.store.buckets.mark_finished(site.store.telemetry)
    assert "buckets were deleted or recomputed" in "".join(site.score(FIRST)[1])
    assert site.score(FIRST)[1] == ()


def test_for_another_catalogue_the_windows_are_recomputed(site: Site) -> None:
    longer = build(FleetCapabilities(METRICS, (DAY, 4 * DAY), has_racks=True, has_hardware=True))
    assert "or the bucket table have changed" in "".join(site.score(FIRST, replace(FEATURES, catalogue=longer))[1])


def test_for_another_table_the_windows_are_recomputed(site: Site, tmp_path: Path) -> None:
    other_store = replace(site, store=Store.open(tmp_path / "others", WIDTH))
    other_store.ingest(other_store.known_by(FIRST))
    assert "or the bucket table have changed" in "".join(other_store.score(FIRST)[1])


def test_a_manifest_that_cannot_be_read_has_the_windows_recomputed(site: Site) -> None:
    (site.folder / MANIFEST).write_text("{", encoding="utf-8")
    assert "can't be read" in "".join(site.score(FIRST)[1])
    assert site.score(FIRST + WIDTH)[1] == ()


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_damaged_files_are_recomputed_and_reported(site: Site, steps: int) -> None:
    at = FIRST + steps * WIDTH
    for file in site.folder.glob("*.arrow"):
        file.write_bytes(bytes(file.stat().st_size))
    assert "files missing or damaged" in "".join(site.score(at)[1])
    assert site.score(at + WIDTH)[1] == ()


def test_a_score_that_failed_leaves_the_stored_windows(site: Site) -> None:
    stored = (site.folder / MANIFEST).read_bytes()
    records = RecordFrames(site.fleet.events, site.fleet.nodes, site.fleet.blind)
    view = hindsight(records, WIDTH, site.store.buckets).narrow(FIRST + WIDTH)
    with suppress(KeyboardInterrupt), resume_windows(site.folder, site.store, view, FEATURES) as windows:
        assert windows.cache is not None
        windows.cache.put("head-1", pl.DataFrame({"node": ["a"]}))
        raise KeyboardInterrupt
    assert (site.folder / MANIFEST).read_bytes() == stored
    assert site.score(FIRST + WIDTH)[1] == ()
