from __future__ import annotations

import json
from datetime import datetime, timedelta

import polars as pl
import pytest

from data.errors import EmptyTableError
from data.schema import QUARANTINE_SCHEMA
from data.validation.rows import (
    Bounds,
    count_reasons,
    require_usable,
    validate_blind,
    validate_events,
    validate_nodes,
    validate_telemetry,
)
from tests.data.made_up import DAY, HOUR, NOW, START, blind, events, nodes, telemetry

NO_DELAY = timedelta(0)
LATER = NOW + HOUR
BOUNDS = Bounds("made up", NOW, pl.Series("node", ["n1", "n2"]))
INFINITY = float("inf")


def reasons(rejected: pl.DataFrame) -> list[str]:
    return rejected["reason"].to_list()


def test_valid_rows_pass_unchanged() -> None:
    rows = telemetry([("n1", HOUR, HOUR, 1.0), ("n2", HOUR, NO_DELAY, None)])
    for validated, table in (
        (validate_telemetry(rows, BOUNDS), rows),
        (validate_events(events([{}]), BOUNDS), events([{}])),
        (validate_nodes(nodes([{}]), BOUNDS), nodes([{}])),
        (validate_blind(blind((NO_DELAY, HOUR)), BOUNDS), blind((NO_DELAY, HOUR))),
    ):
        assert validated.valid.equals(table)
        assert (validated.rejected.height, validated.duplicates, validated.outdated) == (0, 0, 0)
        assert dict(validated.rejected.schema) == QUARANTINE_SCHEMA


def test_empty_telemetry_is_allowed() -> None:
    validated = validate_telemetry(telemetry([]), BOUNDS)
    assert (validated.valid.height, validated.rejected.height) == (0, 0)
    assert validate_telemetry(telemetry([]).select("node", "ts", "available_at"), BOUNDS).valid.height == 0


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("node", None, "has no node"),
        ("node", "", "has no node"),
        ("node", "stranger", "is of a node that the inventory does not list"),
        ("ts", None, "has no ts"),
        ("ts", LATER, "lies in the future"),
        ("ts", datetime.fromisoformat("1970-01-01T00:00:05Z"), "lies before 1990"),
        ("available_at", LATER, "lies in the future"),
        ("available_at", START, "became available before its ts"),
    ],
)
def test_a_invalid_row_of_telemetry_is_quarantined_with_its_reason(column: str, value: object, reason: str) -> None:
    valid = telemetry([("n1", HOUR, NO_DELAY, 1.5), ("n2", HOUR, NO_DELAY, 2.5)])
    dtype = valid.schema[column]
    rows = valid.with_columns(
        pl.when(pl.col("node") == "n1").then(pl.lit(value, dtype)).otherwise(column).alias(column)
    )
    validated = validate_telemetry(rows, BOUNDS)
    assert validated.valid.equals(valid[1:])
    assert reasons(validated.rejected) == [reason]
    assert json.loads(validated.rejected["row"][0])["load"] == 1.5
    assert validated.rejected.select("table", "source").row(0) == ("telemetry", "made up")


def test_a_clock_may_be_ahead_up_to_the_bound() -> None:
    at_bound = telemetry([("n1", NOW - START, NO_DELAY, 1.0)])
    assert validate_telemetry(at_bound, BOUNDS).rejected.height == 0


@pytest.mark.parametrize("value", [INFINITY, -INFINITY])
def test_an_infinite_cell_becomes_null_and_the_rest_of_its_row_is_kept(value: float) -> None:
    rows = telemetry([("n1", HOUR, NO_DELAY, value), ("n2", HOUR, NO_DELAY, 1.0)]).with_columns(fan=pl.lit(3.0))
    validated = validate_telemetry(rows, BOUNDS)
    assert validated.valid.select("load", "fan").rows() == [(None, 3.0), (1.0, 3.0)]
    assert reasons(validated.rejected) == ["holds an infinite value"]
    assert validated.rejected.select("node", "ts").row(0) == ("n1", START + HOUR)
    assert json.loads(validated.rejected["row"][0]) | {"metric": "load", "value": str(value)} == json.loads(
        validated.rejected["row"][0]
    )


def test_a_nan_becomes_null_without_a_rejection() -> None:
    validated = validate_telemetry(telemetry([("n1", HOUR, NO_DELAY, float("nan"))]), BOUNDS)
    assert validated.valid["load"].to_list() == [None]
    assert validated.rejected.height == 0


def test_duplicates_are_dropped_and_counted_apart_from_outdated_rows() -> None:
    row = ("n1", HOUR, NO_DELAY, 1.0)
    validated = validate_telemetry(telemetry([row, row, ("n1", HOUR, HOUR, 2.0), ("n2", HOUR, NO_DELAY, 1.0)]), BOUNDS)
    assert sorted(validated.valid["load"]) == [1.0, 2.0]
    assert (validated.duplicates, validated.outdated) == (1, 1)


@pytest.mark.parametrize(
    ("invalid", "reason"),
    [
        ({"node": None}, "has no node"),
        ({"node": "stranger"}, "is of a node that the inventory does not list"),
        ({"start": None}, "has no start"),
        ({"kind": None}, "has no kind"),
        ({"kind": ""}, "has no kind"),
        ({"end": START - HOUR}, "ends before it starts"),
        ({"recorded_at": LATER}, "lies in the future"),
        ({"start": LATER, "end": None}, "lies in the future"),
        ({"end": LATER}, "lies in the future"),
        ({"end_recorded_at": LATER}, "lies in the future"),
        ({"kind": "maintenance", "recorded_at": LATER}, "lies in the future"),
        ({"start": START - 20_000 * DAY}, "lies before 1990"),
    ],
)
def test_a_invalid_event_is_quarantined_with_its_reason(invalid: dict[str, object], reason: str) -> None:
    validated = validate_events(events([invalid, {"node": "n2"}]), BOUNDS)
    assert reasons(validated.rejected) == [reason]
    assert validated.valid["node"].to_list() == ["n2"]


@pytest.mark.parametrize(
    "valid",
    [
        {"end": START, "end_recorded_at": START},
        {"end": None, "end_recorded_at": None},
        {"kind": "lunch"},
        {"kind": "maintenance", "start": LATER, "end": LATER + DAY, "end_recorded_at": LATER + DAY},
        {"recorded_at": START + DAY},
    ],
    ids=["instant", "open", "of another kind", "planned", "recorded after it ended"],
)
def test_an_unusual_event_is_kept(valid: dict[str, object]) -> None:
    assert validate_events(events([valid]), BOUNDS).rejected.height == 0


@pytest.mark.parametrize(
    ("invalid", "reason"),
    [
        ({"node": None}, "has no node"),
        ({"observed_from": None}, "has no observed_from"),
        ({"node": "a\x1b[2Jb"}, "has a control character in its name"),
        ({"observed_until": START}, "left before it came"),
        ({"observed_from": START - 20_000 * DAY}, "lies before 1990"),
        ({"observed_from": LATER}, "lies in the future"),
        ({"as_of": LATER}, "lies in the future"),
    ],
)
def test_a_invalid_node_is_quarantined_with_its_reason(invalid: dict[str, object], reason: str) -> None:
    validated = validate_nodes(nodes([invalid, {"node": "n2"}]), BOUNDS)
    assert reasons(validated.rejected) == [reason]
    assert validated.valid["node"].to_list() == ["n2"]


@pytest.mark.parametrize("microseconds", [16 * 10**17, 92 * 10**17, -92 * 10**17])  # years 52671, 293508 and -289569
@pytest.mark.parametrize("column", ["ts", "available_at"])
def test_a_time_off_the_calendar_is_quarantined_as_it_was_read(column: str, microseconds: int) -> None:
    rows = telemetry([("n1", HOUR, NO_DELAY, 1.0), ("n2", HOUR, NO_DELAY, 1.0)])
    off = pl.when(pl.col("node") == "n1").then(pl.lit(microseconds).cast(rows.schema[column])).otherwise(column)
    validated = validate_telemetry(rows.with_columns(off.alias(column)), BOUNDS)
    assert validated.valid["node"].to_list() == ["n2"]
    assert reasons(validated.rejected) == ["holds a time outside the years 1 to 9999"]
    assert json.loads(validated.rejected["row"][0])[column] == microseconds
    assert validated.rejected["ts"].to_list() == [None if column == "ts" else START + HOUR]


@pytest.mark.parametrize("column", ["start", "end", "recorded_at", "end_recorded_at"])
@pytest.mark.parametrize("kind", ["failure", "maintenance"])
def test_an_event_off_the_calendar_is_quarantined_even_if_planned(kind: str, column: str) -> None:
    off = pl.lit(16 * 10**17).cast(pl.Datetime("us", "UTC")).alias(column)
    validated = validate_events(events([{"kind": kind}]).with_columns(off), BOUNDS)
    assert reasons(validated.rejected) == ["holds a time outside the years 1 to 9999"]


def test_a_node_or_a_blind_period_off_the_calendar_is_quarantined() -> None:
    off = pl.lit(16 * 10**17).cast(pl.Datetime("us", "UTC"))
    for validated in (
        validate_nodes(nodes([{}]).with_columns(observed_until=off), BOUNDS),
        validate_blind(blind((NO_DELAY, HOUR)).with_columns(start=off), BOUNDS),
    ):
        assert reasons(validated.rejected) == ["holds a time outside the years 1 to 9999"]


@pytest.mark.parametrize("span", [(HOUR, HOUR), (2 * HOUR, HOUR), (HOUR, LATER - START)])
def test_a_invalid_blind_period_is_quarantined(span: tuple[timedelta, timedelta]) -> None:
    validated = validate_blind(blind(span, (NO_DELAY, HOUR)), BOUNDS)
    assert (validated.rejected.height, validated.valid.height) == (1, 1)


def test_a_table_of_invalid_rows_is_an_error_with_the_most_frequent_reason() -> None:
    rows = [("x", HOUR, NO_DELAY, 1.0), ("y", HOUR, NO_DELAY, 1.0), (None, HOUR, NO_DELAY, 1.0)]
    validated = validate_telemetry(telemetry(rows), BOUNDS)  # type: ignore[arg-type]  # the null node is intended
    with pytest.raises(EmptyTableError, match="not one of its 3 rows can be used; 2 of them: a row is of a node that"):
        require_usable("telemetry", validated.valid.height, count_reasons(validated.rejected))


def test_a_usable_row_or_an_empty_table_is_no_error() -> None:
    require_usable("telemetry", 1, {"has no ts": 9})
    require_usable("telemetry", 0, {})
