"""A score that goes on from the last one says what one from all buckets says, whatever was ingested in between."""

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
from data.delta.telemetry import Change
from data.disk.cache import MANIFEST
from data.schema import AVAILABLE_AT, TS
from data.view import RecordFrames, hindsight
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.compute import batch, online
from features.grid import to_numpy
from features.population.at_risk import assess
from pipelines.wiring.model_features import ModelFeatures
from pipelines.wiring.window_cache import resumed
from tests.features.fleets import DAY, START, Fleet
from tests.features.synthetic import METRICS, WIDTH, synthetic

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

CATALOGUE = build(FleetCapabilities(METRICS, (DAY, 3 * DAY), has_racks=True, has_hardware=True))
OFFERED = ModelFeatures(CATALOGUE, METRICS, (), ())
FIRST = START + 6 * DAY


@dataclass(frozen=True, slots=True)
class Site:
    """A state that telemetry is ingested into as it becomes known."""

    fleet: Fleet
    store: Store
    folder: Path

    @classmethod
    def at(cls, folder: Path) -> Site:
        one = synthetic(np.random.default_rng(8), nodes=8, days=10)
        return cls(one, Store.open(folder / "tables", WIDTH), folder / "windows")

    def ingest(self, rows: pl.DataFrame) -> None:
        telemetry = self.store.telemetry
        change = Change.nothing(telemetry.table.version()).followed_by(telemetry.merge(rows))
        self.store.buckets.refresh(telemetry, change)

    def known_by(self, at: datetime, since: datetime = START - DAY) -> pl.DataFrame:
        return self.fleet.telemetry.filter((pl.col(AVAILABLE_AT) > since) & (pl.col(AVAILABLE_AT) <= at))

    def score(self, at: datetime, offered: ModelFeatures = OFFERED) -> tuple[NDArray[np.float32], tuple[str, ...]]:
        """Compute features from what is kept, see that they are those of batch, and give the words that were said."""
        records = RecordFrames(self.fleet.events, self.fleet.nodes, self.fleet.blind)
        view = hindsight(records, WIDTH, self.store.buckets).narrow(at)
        risk = assess(view, np.array([to_numpy(at)]), None)
        rows, catalogue = risk.rows(), offered.catalogue
        expected = batch.compute(catalogue, view, risk, rows)
        with resumed(self.folder, self.store, view, offered) as left:
            if left.shelf is None:
                return expected, ("not kept",)
            found = online.compute(catalogue, view, risk, rows, left.shelf)
        assert np.allclose(found, expected, rtol=1e-5, atol=1e-6, equal_nan=True)
        return found, left.notices


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A site that was scored once."""
    made = Site.at(tmp_path)
    made.ingest(made.known_by(FIRST))
    assert made.score(FIRST)[1] == ()
    return made


def test_step_by_step_as_samples_become_known(site: Site) -> None:
    for step in range(1, 4):
        at = FIRST + step * WIDTH
        site.ingest(site.known_by(at, at - WIDTH))
        assert site.score(at)[1] == ()


def test_everything_is_ingested_at_once_and_becomes_known_later(site: Site) -> None:
    site.ingest(site.fleet.telemetry)
    for step in (0, 1, 5):
        assert site.score(FIRST + step * WIDTH)[1] == ()


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


def test_an_earlier_time_goes_by_the_buckets_and_leaves_what_is_kept(site: Site) -> None:
    kept = (site.folder / MANIFEST).read_bytes()
    assert site.score(FIRST - WIDTH)[1] == ("not kept",)
    assert (site.folder / MANIFEST).read_bytes() == kept


def test_upkeep_that_changes_no_row_changes_nothing(site: Site) -> None:
    buckets = site.store.buckets
    compact(buckets.table)
    vacuum(buckets.table, (), timedelta(0))
    buckets.finish(site.store.telemetry)
    assert site.score(FIRST + WIDTH)[1] == ()


def test_buckets_that_were_deleted_have_the_windows_made_anew(site: Site) -> None:
    delete_until(site.store.buckets.table, FIRST - 2 * DAY)
    site.store.buckets.finish(site.store.telemetry)
    assert "buckets were deleted or made anew" in "".join(site.score(FIRST)[1])
    assert site.score(FIRST)[1] == ()


def test_another_catalogue_has_the_windows_made_anew(site: Site) -> None:
    longer = build(FleetCapabilities(METRICS, (DAY, 4 * DAY), has_racks=True, has_hardware=True))
    assert "others than those it was kept for" in "".join(site.score(FIRST, replace(OFFERED, catalogue=longer))[1])


def test_another_table_has_the_windows_made_anew(site: Site, tmp_path: Path) -> None:
    other = replace(site, store=Store.open(tmp_path / "others", WIDTH))
    other.ingest(other.known_by(FIRST))
    assert "others than those it was kept for" in "".join(other.score(FIRST)[1])


def test_what_can_not_be_read_is_made_anew(site: Site) -> None:
    (site.folder / MANIFEST).write_text("{", encoding="utf-8")
    assert "can't be read" in "".join(site.score(FIRST)[1])
    assert site.score(FIRST + WIDTH)[1] == ()


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_files_that_were_spoilt_are_made_anew_and_told(site: Site, steps: int) -> None:
    at = FIRST + steps * WIDTH
    for file in site.folder.glob("*.arrow"):
        file.write_bytes(bytes(file.stat().st_size))
    assert "files gone or damaged" in "".join(site.score(at)[1])
    assert site.score(at + WIDTH)[1] == ()


def test_a_score_that_failed_leaves_what_was_there(site: Site) -> None:
    kept = (site.folder / MANIFEST).read_bytes()
    records = RecordFrames(site.fleet.events, site.fleet.nodes, site.fleet.blind)
    view = hindsight(records, WIDTH, site.store.buckets).narrow(FIRST + WIDTH)
    with suppress(KeyboardInterrupt), resumed(site.folder, site.store, view, OFFERED) as left:
        assert left.shelf is not None
        left.shelf.put("head-1", pl.DataFrame({"node": ["a"]}))
        raise KeyboardInterrupt
    assert (site.folder / MANIFEST).read_bytes() == kept
    assert site.score(FIRST + WIDTH)[1] == ()
