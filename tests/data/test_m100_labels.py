"""The failures of Marconi100 are derived records: derives the reboots from telemetry again and compares."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from tests.data.real import M100

TEN_MINUTES = 10 * 60 * 1_000_000


@pytest.fixture(scope="module")
def reboots() -> pl.DataFrame:
    notes = pl.read_parquet(M100 / "label_notes.parquet").drop("recorded_at")
    racks = pl.read_parquet(M100 / "nodes.parquet").select("node", "rack")
    events = pl.read_parquet(M100 / "events.parquet").filter(pl.col("cause") == "reboot")
    return events.join(notes, on=["node", "start"]).join(racks, on="node").sort("end")


@pytest.fixture(scope="module")
def boots() -> pl.DataFrame:
    """Return each row of telemetry whose newest boot is later than that of the row before it."""
    rows = pl.read_parquet(M100 / "telemetry.parquet", columns=["node", "ts", "boot_max"]).drop_nulls("boot_max")
    rows = rows.sort("node", "ts").filter(pl.col("boot_max") > pl.col("boot_max").shift().over("node"))
    moment = (
        pl.from_epoch(pl.col("boot_max").round().cast(pl.Int64)).dt.cast_time_unit("us").dt.replace_time_zone("UTC")
    )
    return rows.select("node", "ts", end=moment)


def test_every_reboot_ends_at_a_boot_that_telemetry_shows_to_the_second(
    reboots: pl.DataFrame, boots: pl.DataFrame
) -> None:
    assert reboots.join(boots, on=["node", "end"], how="semi").height == reboots.height == 8_407


def test_boots_that_are_no_reboot_end_a_silence_or_are_mostly_in_a_blind_period(
    reboots: pl.DataFrame, boots: pl.DataFrame
) -> None:
    unexplained = boots.join(reboots, on=["node", "end"], how="anti")
    silences = pl.read_parquet(M100 / "events.parquet").filter(pl.col("cause") == "os_silent")
    after_silence = unexplained.join(silences, on=["node", "end"], how="semi")
    blind = pl.read_parquet(M100 / "blind.parquet").select("start", until="end")
    in_blind_period = unexplained.join(after_silence, on=["node", "end"], how="anti").join_where(
        blind, pl.col("end") >= pl.col("start"), pl.col("end") < pl.col("until")
    )
    assert (unexplained.height, after_silence.height, in_blind_period.height) == (803, 279, 502)


def test_the_rule_that_separates_failures_from_maintenance_gives_the_kind_of_every_reboot(
    reboots: pl.DataFrame,
) -> None:
    moments, racks = reboots["end"].dt.epoch("us").to_numpy(), reboots["rack"].to_numpy()
    low = np.searchsorted(moments, moments - TEN_MINUTES, "left")
    high = np.searchsorted(moments, moments + TEN_MINUTES, "right")
    group = pl.Series(high - low)
    group_racks = pl.Series([len(set(racks[a:b])) for a, b in zip(low, high, strict=True)])
    that_day = reboots.select(pl.len().over("recorded_at")).to_series()
    is_planned = (that_day > 10) | ((group >= 3) & (group_racks >= 2))
    assert that_day.to_list() == reboots["nodes_that_day"].to_list()
    assert group.to_list() == reboots["group_size_10min"].to_list()
    assert group_racks.to_list() == reboots["group_racks_10min"].to_list()
    assert (is_planned == (reboots["kind"] == "maintenance")).all()


def test_a_reboot_is_recorded_at_the_midnight_after_it_although_some_are_visible_only_later(
    reboots: pl.DataFrame, boots: pl.DataFrame
) -> None:
    assert (reboots["recorded_at"] == reboots["end"].dt.truncate("1d") + timedelta(days=1)).all()
    shown = reboots.join(boots, on=["node", "end"])
    assert shown.filter(pl.col("ts") > pl.col("recorded_at")).height == 1_128
