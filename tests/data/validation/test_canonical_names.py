from __future__ import annotations

from datetime import timedelta

import polars as pl
from polars.testing import assert_frame_equal

from data.schema import UNREADABLE, UNREADABLE_TYPE
from data.validation.canonical_names import canonicalize_telemetry, spell
from data.validation.node_names import NodeNames, Spelling
from tests.data.made_up import DAY, HOUR, MINUTE, START, events, telemetry

NONE = timedelta(0)
NAMES = NodeNames(Spelling(), ["n1", "n2"])


def both(*tables: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(tables, how="diagonal")


def test_events_are_spelt_and_strangers_stay() -> None:
    assert spell(events([{"node": "N1:9100"}, {"node": "ghost"}, {"node": None}]), NAMES)["node"].to_list() == [
        "n1", "ghost", None,
    ]  # fmt: skip


def test_telemetry_of_listed_names_is_the_same_frame() -> None:
    rows = telemetry([("n1", HOUR, NONE, 1.0), ("ghost", HOUR, NONE, 2.0)])
    assert canonicalize_telemetry(rows, NAMES) is rows
    assert canonicalize_telemetry(rows.clear(), NAMES).height == 0


def test_a_node_and_its_board_share_a_row_that_is_known_when_both_are() -> None:
    host = telemetry([("n1", HOUR, NONE, 1.0), ("n2", HOUR, NONE, 2.0)])
    board = telemetry([("n1-bmc", HOUR, MINUTE, 40.0), ("n2-bmc", DAY, NONE, 41.0)], "temp")
    told = canonicalize_telemetry(both(host, board), NAMES).sort("node", "ts")
    assert told.select("node", "load", "temp").rows() == [("n1", 1.0, 40.0), ("n2", 2.0, None), ("n2", None, 41.0)]
    assert told["available_at"][0] == START + HOUR + MINUTE


def test_of_two_values_of_one_moment_the_one_known_later_stands_in_every_order() -> None:
    rows = telemetry([("n1", HOUR, MINUTE, 1.0), ("n1:9100", HOUR, NONE, 2.0), ("N1", HOUR, NONE, None)])
    for order in (rows, rows.reverse()):
        assert canonicalize_telemetry(order, NAMES)["load"].to_list() == [1.0]


def test_duplicates_under_one_name_are_left_to_the_merge_rule() -> None:
    rows = telemetry([("n1:9100", HOUR, NONE, 1.0), ("n1:9100", HOUR, NONE, 1.0)])
    assert canonicalize_telemetry(rows, NAMES).height == 2


def test_rows_without_a_time_are_left_apart() -> None:
    rows = telemetry([("n1", HOUR, NONE, 1.0), ("N1", HOUR, NONE, 2.0)]).with_columns(
        pl.lit(None, pl.Datetime("us", "UTC")).alias("ts")
    )
    assert_frame_equal(canonicalize_telemetry(rows, NAMES).select("load"), rows.select("load"))


def test_what_could_not_be_read_of_either_row_is_kept() -> None:
    rows = telemetry([("n1", HOUR, NONE, 1.0), ("n1:9100", HOUR, NONE, None)])
    fault = [{"column": "load", "value": "hot", "fault": "holds a text", "at": "a.csv:2"}]
    told = canonicalize_telemetry(rows.with_columns(pl.Series(UNREADABLE, [None, fault], UNREADABLE_TYPE)), NAMES)
    assert told[UNREADABLE].to_list() == [fault]
