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
from data.validation.rows import Bounds, validate_blind, validate_events, validate_nodes, validate_telemetry
from tests.data.made_up import DAY, HOUR, MINUTE, NOW, START, blind, events, nodes, telemetry

if TYPE_CHECKING:
    from pathlib import Path

NO_DELAY = timedelta(0)
BOUNDS = Bounds("made up", NOW, pl.Series("node", ["n1"]))
ALL = pl.lit(value=True)


def rejected_rows(*hours: int) -> pl.DataFrame:
    return validate_telemetry(telemetry([("x", hour * HOUR, NO_DELAY, 1.0) for hour in hours]), BOUNDS).rejected


@pytest.fixture
def quarantine(tmp_path: Path) -> Quarantine:
    return Quarantine(Store.open(tmp_path, HOUR).quarantine)


def test_an_empty_quarantine_has_its_columns(quarantine: Quarantine) -> None:
    assert quarantine.read().columns == [*QUARANTINE_SCHEMA, QUARANTINED_AT]
    assert quarantine.remove(quarantine.read()) == quarantine.purge(NOW, ALL) == 0
    assert quarantine.log.table.version() == -1


def test_a_row_is_stored_once_with_the_time_at_which_it_first_came(quarantine: Quarantine) -> None:
    assert quarantine.add(rejected_rows(1), NOW) == 1
    assert quarantine.add(rejected_rows(1, 2), NOW + DAY) == 1
    assert quarantine.read().sort("ts")[QUARANTINED_AT].to_list() == [NOW, NOW + DAY]


def test_rows_are_removed_and_the_others_stay(quarantine: Quarantine) -> None:
    quarantine.add(rejected_rows(1, 2, 3), NOW)
    row = quarantine.read().filter(pl.col("ts") == START + 2 * HOUR)
    assert (quarantine.remove(row), quarantine.remove(row)) == (1, 0)
    assert quarantine.read()["ts"].sort().to_list() == [START + HOUR, START + 3 * HOUR]
    assert quarantine.add(rejected_rows(2), NOW) == 1


def test_rows_without_node_and_time_can_be_removed(quarantine: Quarantine) -> None:
    nameless = telemetry([("", HOUR, NO_DELAY, 1.0)]).with_columns(ts=pl.lit(None, pl.Datetime("us", "UTC")))
    quarantine.add(validate_telemetry(nameless, BOUNDS).rejected, NOW)
    assert quarantine.remove(quarantine.read()) == 1
    assert quarantine.read().height == 0


def test_rows_are_purged_by_when_they_came_and_not_by_their_own_time(quarantine: Quarantine) -> None:
    quarantine.add(rejected_rows(1, 2), NOW)
    quarantine.add(rejected_rows(3), NOW + DAY)
    assert quarantine.purge(NOW + MINUTE, pl.col("ts") == START + HOUR) == 1
    assert quarantine.purge(NOW + MINUTE, ALL) == 1
    assert quarantine.read()["ts"].to_list() == [START + 3 * HOUR]


def test_rows_of_an_older_nodeward_are_purged_by_their_own_time(quarantine: Quarantine) -> None:
    quarantine.log.add(rejected_rows(1))
    assert quarantine.read()[QUARANTINED_AT].to_list() == [None]
    quarantine.add(rejected_rows(2), NOW)
    assert quarantine.purge(START + 2 * HOUR, ALL) == 1
    assert quarantine.read()["ts"].to_list() == [START + 2 * HOUR]


def test_rows_of_every_table_are_decoded_as_they_were() -> None:
    invalid = {
        "telemetry": telemetry([("x", HOUR, MINUTE, 0.1), ("x", DAY, NO_DELAY, None)]).with_columns(fan=pl.lit(3.0)),
        "events": events([{"node": "x", "end": None, "labels": '{"a": "b"}'}, {"kind": ""}]),
        "nodes": nodes([{"observed_until": START - DAY, "labels": '{"aliases": ["y"]}'}]),
        "blind": blind((HOUR, HOUR)),
    }
    validators = {
        "telemetry": validate_telemetry,
        "events": validate_events,
        "nodes": validate_nodes,
        "blind": validate_blind,
    }
    assert invalid.keys() == validators.keys()
    for table, rows in invalid.items():
        rejected = validators[table](rows, BOUNDS).rejected
        assert decode(table, rejected["row"].to_list()).select(rows.columns).equals(rows)


def test_a_time_off_the_calendar_is_decoded() -> None:
    off = pl.lit(16 * 10**17).cast(pl.Datetime("us", "UTC"))
    rejected = validate_telemetry(telemetry([("n1", HOUR, NO_DELAY, 1.0)]).with_columns(ts=off), BOUNDS).rejected
    assert decode("telemetry", rejected["row"].to_list())["ts"].to_physical().to_list() == [16 * 10**17]


def test_a_cell_is_decoded_with_the_keys_of_its_row() -> None:
    rejected = validate_telemetry(telemetry([("n1", HOUR, MINUTE, float("inf"))]), BOUNDS).rejected
    assert decode_cells(rejected["row"].to_list()).rows() == [
        ("n1", START + HOUR, START + HOUR + MINUTE, "load", "inf")
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | st.floats(allow_infinity=False, allow_nan=False, width=32), min_size=1, max_size=5))
def test_quarantine_keeps_every_bit_of_a_number(values: list[float | None]) -> None:
    for dtype in (pl.Float32, pl.Float64):
        rows = telemetry([("x", hour * HOUR, NO_DELAY, value) for hour, value in enumerate(values)], dtype=dtype)
        decoded = decode("telemetry", validate_telemetry(rows, BOUNDS).rejected["row"].to_list())
        assert decoded["load"].cast(dtype).equals(rows["load"])
