from __future__ import annotations

from datetime import timedelta

import polars as pl
from polars.testing import assert_frame_equal

from data.schema import UNREADABLE, UNREADABLE_TYPE
from data.validation.canonical_names import canonicalize, canonicalize_telemetry
from data.validation.node_names import NodeNames, SpellingRules
from tests.data.made_up import DAY, HOUR, MINUTE, START, events, telemetry

NO_DELAY = timedelta(0)
NAMES = NodeNames(SpellingRules(), ["n1", "n2"])


def joined(*tables: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(tables, how="diagonal")


def test_events_are_renamed_and_unknown_nodes_stay() -> None:
    assert canonicalize(events([{"node": "N1:9100"}, {"node": "ghost"}, {"node": None}]), NAMES)["node"].to_list() == [
        "n1", "ghost", None,
    ]  # fmt: skip


def test_telemetry_of_listed_names_is_the_same_frame() -> None:
    rows = telemetry([("n1", HOUR, NO_DELAY, 1.0), ("ghost", HOUR, NO_DELAY, 2.0)])
    assert canonicalize_telemetry(rows, NAMES) is rows
    assert canonicalize_telemetry(rows.clear(), NAMES).height == 0


def test_a_node_and_its_board_share_a_row_that_is_available_when_both_are() -> None:
    host = telemetry([("n1", HOUR, NO_DELAY, 1.0), ("n2", HOUR, NO_DELAY, 2.0)])
    board = telemetry([("n1-bmc", HOUR, MINUTE, 40.0), ("n2-bmc", DAY, NO_DELAY, 41.0)], "temp")
    rows = canonicalize_telemetry(joined(host, board), NAMES).sort("node", "ts")
    assert rows.select("node", "load", "temp").rows() == [("n1", 1.0, 40.0), ("n2", 2.0, None), ("n2", None, 41.0)]
    assert rows["available_at"][0] == START + HOUR + MINUTE


def test_of_two_values_of_one_time_the_one_available_later_is_kept_in_every_order() -> None:
    rows = telemetry([("n1", HOUR, MINUTE, 1.0), ("n1:9100", HOUR, NO_DELAY, 2.0), ("N1", HOUR, NO_DELAY, None)])
    for order in (rows, rows.reverse()):
        assert canonicalize_telemetry(order, NAMES)["load"].to_list() == [1.0]


def test_duplicates_under_one_name_are_left_to_the_merge_rule() -> None:
    rows = telemetry([("n1:9100", HOUR, NO_DELAY, 1.0), ("n1:9100", HOUR, NO_DELAY, 1.0)])
    assert canonicalize_telemetry(rows, NAMES).height == 2


def test_rows_without_a_time_stay_separate() -> None:
    rows = telemetry([("n1", HOUR, NO_DELAY, 1.0), ("N1", HOUR, NO_DELAY, 2.0)]).with_columns(
        pl.lit(None, pl.Datetime("us", "UTC")).alias("ts")
    )
    assert_frame_equal(canonicalize_telemetry(rows, NAMES).select("load"), rows.select("load"))


def test_unreadable_cells_of_both_rows_are_kept() -> None:
    rows = telemetry([("n1", HOUR, NO_DELAY, 1.0), ("n1:9100", HOUR, NO_DELAY, None)])
    fault = [{"column": "load", "value": "hot", "fault": "holds a text", "at": "a.csv:2"}]
    joined_row = canonicalize_telemetry(rows.with_columns(pl.Series(UNREADABLE, [None, fault], UNREADABLE_TYPE)), NAMES)
    assert joined_row[UNREADABLE].to_list() == [fault]
