from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.delta.store import Store
from data.ingest.quarantine import QUARANTINED_AT, Quarantine, decode, decode_cells
from data.schema import QUARANTINE_SCHEMA
from data.validation.rows import Bounds, sift_blind, sift_events, sift_nodes, sift_telemetry
from tests.data.made_up import DAY, HOUR, MINUTE, NOW, START, blind, events, nodes, telemetry

if TYPE_CHECKING:
    from pathlib import Path

NONE = timedelta(0)
NOBODY = Bounds("made up", NOW, pl.Series("node", ["n1"]))
EVERY = pl.lit(value=True)


def strangers(*hours: int) -> pl.DataFrame:
    return sift_telemetry(telemetry([("x", hour * HOUR, NONE, 1.0) for hour in hours]), NOBODY).rejected


@pytest.fixture
def quarantine(tmp_path: Path) -> Quarantine:
    return Quarantine(Store.open(tmp_path, HOUR).quarantine)


def test_an_empty_quarantine_has_its_columns(quarantine: Quarantine) -> None:
    assert quarantine.read().columns == [*QUARANTINE_SCHEMA, QUARANTINED_AT]
    assert quarantine.remove(quarantine.read()) == quarantine.purge(NOW, EVERY) == 0
    assert quarantine.log.table.version() == -1


def test_a_row_is_kept_once_with_the_time_at_which_it_first_came(quarantine: Quarantine) -> None:
    assert quarantine.add(strangers(1), NOW) == 1
    assert quarantine.add(strangers(1, 2), NOW + DAY) == 1
    assert quarantine.read().sort("ts")[QUARANTINED_AT].to_list() == [NOW, NOW + DAY]


def test_rows_are_taken_out_and_the_others_stay(quarantine: Quarantine) -> None:
    quarantine.add(strangers(1, 2, 3), NOW)
    gone = quarantine.read().filter(pl.col("ts") == START + 2 * HOUR)
    assert (quarantine.remove(gone), quarantine.remove(gone)) == (1, 0)
    assert quarantine.read()["ts"].sort().to_list() == [START + HOUR, START + 3 * HOUR]
    assert quarantine.add(strangers(2), NOW) == 1


def test_rows_without_node_and_time_can_be_taken_out(quarantine: Quarantine) -> None:
    nameless = telemetry([("", HOUR, NONE, 1.0)]).with_columns(ts=pl.lit(None, pl.Datetime("us", "UTC")))
    quarantine.add(sift_telemetry(nameless, NOBODY).rejected, NOW)
    assert quarantine.remove(quarantine.read()) == 1
    assert quarantine.read().height == 0


def test_what_came_long_ago_is_purged_whatever_its_own_time(quarantine: Quarantine) -> None:
    quarantine.add(strangers(1, 2), NOW)
    quarantine.add(strangers(3), NOW + DAY)
    assert quarantine.purge(NOW + MINUTE, pl.col("ts") == START + HOUR) == 1
    assert quarantine.purge(NOW + MINUTE, EVERY) == 1
    assert quarantine.read()["ts"].to_list() == [START + 3 * HOUR]


def test_rows_of_an_older_nodeward_are_as_old_as_they_say(quarantine: Quarantine) -> None:
    quarantine.log.add(strangers(1))
    assert quarantine.read()[QUARANTINED_AT].to_list() == [None]
    quarantine.add(strangers(2), NOW)
    assert quarantine.purge(START + 2 * HOUR, EVERY) == 1
    assert quarantine.read()["ts"].to_list() == [START + 2 * HOUR]


def test_rows_of_every_table_are_read_back_as_they_were() -> None:
    spoilt = {
        "telemetry": telemetry([("x", HOUR, MINUTE, 0.1), ("x", DAY, NONE, None)]).with_columns(fan=pl.lit(3.0)),
        "events": events([{"node": "x", "end": None, "labels": '{"a": "b"}'}, {"kind": ""}]),
        "nodes": nodes([{"observed_until": START - DAY, "labels": '{"aliases": ["y"]}'}]),
        "blind": blind((HOUR, HOUR)),
    }
    sifts = {"telemetry": sift_telemetry, "events": sift_events, "nodes": sift_nodes, "blind": sift_blind}
    for table, rows in spoilt.items():
        rejected = sifts[table](rows, NOBODY).rejected
        assert decode(table, rejected["row"].to_list()).select(rows.columns).equals(rows)


def test_a_time_that_no_calendar_has_is_read_back_too() -> None:
    off = pl.lit(16 * 10**17).cast(pl.Datetime("us", "UTC"))
    rejected = sift_telemetry(telemetry([("n1", HOUR, NONE, 1.0)]).with_columns(ts=off), NOBODY).rejected
    assert decode("telemetry", rejected["row"].to_list())["ts"].to_physical().to_list() == [16 * 10**17]


def test_a_cell_is_read_back_with_its_row() -> None:
    rejected = sift_telemetry(telemetry([("n1", HOUR, MINUTE, float("inf"))]), NOBODY).rejected
    assert decode_cells(rejected["row"].to_list()).rows() == [
        ("n1", START + HOUR, START + HOUR + MINUTE, "load", "inf")
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.floats(allow_infinity=False, allow_nan=False, width=32), min_size=1, max_size=5))
def test_a_number_survives_the_quarantine_to_the_last_bit(values: list[float | None]) -> None:
    for dtype in (pl.Float32, pl.Float64):
        rows = telemetry([("x", hour * HOUR, NONE, value) for hour, value in enumerate(values)], dtype=dtype)
        back = decode("telemetry", sift_telemetry(rows, NOBODY).rejected["row"].to_list())
        assert back["load"].cast(dtype).equals(rows["load"])
