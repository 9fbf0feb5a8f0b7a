from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from data.merge_rule import EVENT_RULE, NODE_RULE, MergeRule
from tests.data.made_up import HOUR, START, events, nodes

RULE = MergeRule(("key",), ("newest",))
SCHEMA = {"key": pl.Int64(), "newest": pl.Int64(), "value": pl.String()}
SMALL = st.none() | st.integers(0, 2)
TABLES = st.lists(st.tuples(SMALL, SMALL, st.none() | st.sampled_from(["a", "b"])), max_size=8).map(
    lambda rows: RULE.resolve(pl.DataFrame(rows, schema=SCHEMA, orient="row"))
)
BY_CELL = MergeRule(("key",), ("newest",), by_cell=True)
CELLS = {"key": pl.Int64(), "newest": pl.Int64(), "x": pl.Float64(), "y": pl.Float64()}
CELL = st.none() | st.sampled_from([0.0, -1.0, 2.5])
CELL_TABLES = st.lists(st.tuples(SMALL, SMALL, CELL, CELL), max_size=8).map(
    lambda rows: BY_CELL.resolve(pl.DataFrame(rows, schema=CELLS, orient="row"))
)
HOURS = st.integers(0, 2).map(lambda hours: START + hours * HOUR)
EVENT_TABLES = st.lists(
    st.fixed_dictionaries(
        {
            "node": st.sampled_from(["n1", "n2"]),
            "cause": st.none() | st.just("disk"),
            "end": st.none() | HOURS,
            "recorded_at": HOURS,
            "end_recorded_at": st.none() | HOURS,
            "labels": st.none() | st.sampled_from(["{}", '{"detail":"fan"}']),
        }
    ),
    max_size=6,
).map(lambda rows: EVENT_RULE.resolve(events(rows)))
NODE_TABLES = st.lists(
    st.fixed_dictionaries(
        {
            "node": st.sampled_from(["n1", "n2"]),
            "rack": st.none() | st.sampled_from(["r1", "r2"]),
            "observed_until": st.none() | HOURS,
            "as_of": HOURS,
            "revised_at": st.none() | HOURS,
        }
    ),
    max_size=6,
).map(lambda rows: NODE_RULE.resolve(nodes(rows)))


def same(left: pl.DataFrame, right: pl.DataFrame) -> bool:
    return left.sort(pl.all()).equals(right.select(left.columns).sort(pl.all()))


def same_in_every_order(rule: MergeRule, *tables: pl.DataFrame) -> bool:
    first, *others = [rule.merge(rule.merge(x, y), z) for x, y, z in permutations(tables)]
    assert len(others) == 5
    return all(same(first, other) for other in others)


@settings(max_examples=40, deadline=None)
@given(TABLES, TABLES, TABLES)
def test_merging_is_commutative_associative_and_idempotent(a: pl.DataFrame, b: pl.DataFrame, c: pl.DataFrame) -> None:
    assert same(RULE.merge(a, b), RULE.merge(b, a))
    assert same(RULE.merge(RULE.merge(a, b), c), RULE.merge(a, RULE.merge(b, c)))
    assert same(RULE.merge(a, a), a)


@settings(max_examples=40, deadline=None)
@given(CELL_TABLES, CELL_TABLES, CELL_TABLES)
def test_rows_joined_by_cell_merge_alike_in_every_order(a: pl.DataFrame, b: pl.DataFrame, c: pl.DataFrame) -> None:
    assert same_in_every_order(BY_CELL, a, b, c)
    assert same(BY_CELL.merge(a, a), a)
    merged = BY_CELL.merge(BY_CELL.merge(a, b), c)
    assert BY_CELL.compare(merged, b).unchanged == b.height


@settings(max_examples=40, deadline=None)
@given(CELL_TABLES, CELL_TABLES)
def test_no_cell_of_equally_new_rows_is_lost(a: pl.DataFrame, b: pl.DataFrame) -> None:
    same_age = [table.with_columns(newest=pl.lit(0, pl.Int64)) for table in (a, b)]
    keys = pl.concat(same_age).group_by("key").agg(pl.col("x", "y").is_not_null().any())
    merged = BY_CELL.merge(*same_age).select("key", pl.col("x", "y").is_not_null())
    assert same(merged, keys)


@settings(max_examples=25, deadline=None)
@given(EVENT_TABLES, EVENT_TABLES, EVENT_TABLES)
def test_events_merge_alike_in_every_order(a: pl.DataFrame, b: pl.DataFrame, c: pl.DataFrame) -> None:
    assert same_in_every_order(EVENT_RULE, a, b, c)


@settings(max_examples=25, deadline=None)
@given(NODE_TABLES, NODE_TABLES, NODE_TABLES)
def test_inventories_merge_alike_in_every_order(a: pl.DataFrame, b: pl.DataFrame, c: pl.DataFrame) -> None:
    assert same_in_every_order(NODE_RULE, a, b, c)


@settings(max_examples=40, deadline=None)
@given(TABLES, TABLES)
def test_a_comparison_lists_exactly_what_the_merge_changes(old: pl.DataFrame, new: pl.DataFrame) -> None:
    changes = RULE.compare(old, new)
    kept = old.join(changes.replaced, on="key", how="anti", nulls_equal=True)
    assert same(RULE.merge(old, new), pl.concat([kept, changes.replaced, changes.inserted]))
    assert changes.inserted.height + changes.replaced.height + changes.unchanged == new.height
    assert RULE.compare(RULE.merge(old, new), new).unchanged == new.height


def test_the_end_of_an_event_replaces_its_open_interval() -> None:
    still_open = events([{"end": None, "end_recorded_at": None}])
    ended = events([{}])
    assert same(EVENT_RULE.merge(ended, still_open), ended)
    assert same(EVENT_RULE.merge(still_open, ended), ended)


def test_an_end_that_was_recorded_later_wins() -> None:
    early = events([{"end": START + 5 * HOUR, "end_recorded_at": START + HOUR}])
    late = events([{"end": START + 2 * HOUR, "end_recorded_at": START + 3 * HOUR}])
    assert same(EVENT_RULE.merge(late, early), late)


def test_events_that_differ_in_source_kind_start_or_cause_are_different_events() -> None:
    rows: list[dict[str, object]] = [
        {}, {"source": "b"}, {"kind": "action"}, {"start": START + HOUR / 2}, {"cause": None},
    ]  # fmt: skip
    assert EVENT_RULE.resolve(events(rows)).height == len(rows)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_of_two_equally_new_rows_the_one_with_more_cells_wins(first: int, second: int) -> None:
    fuller = nodes([{"rack": f"r{first}", "hardware": f"h{second}", "as_of": START}])
    emptier = nodes([{"rack": f"r{second}", "hardware": None, "as_of": START}])
    assert same(NODE_RULE.merge(fuller, emptier), fuller)
    assert same(NODE_RULE.merge(emptier, fuller), fuller)


def test_of_two_equally_new_inventories_the_later_revision_wins() -> None:
    wrong = nodes([{"rack": "wrong", "hardware": "x", "as_of": START, "revised_at": START}])
    right = nodes([{"rack": "right", "hardware": None, "as_of": START, "revised_at": START + HOUR}])
    undated = nodes([{"rack": "undated", "as_of": START}])
    assert same_in_every_order(NODE_RULE, wrong, right, undated)
    assert same(NODE_RULE.merge(NODE_RULE.merge(wrong, right), undated), right)


def test_the_newer_inventory_wins() -> None:
    before = nodes([{"rack": "r1", "as_of": START}, {"node": "n2", "as_of": START}])
    after = nodes([{"rack": "r2", "as_of": START + timedelta(days=1)}])
    for merged in (NODE_RULE.merge(before, after), NODE_RULE.merge(after, before)):
        assert merged.sort("node")["rack"].to_list() == ["r2", "r1"]


def test_a_column_that_one_side_lacks_is_null_there() -> None:
    old = pl.DataFrame({"key": [1], "newest": [1], "a": [1.0]})
    new = pl.DataFrame({"key": [2], "newest": [1], "b": [2.0]})
    merged = RULE.merge(old, new)
    assert_frame_equal(merged, pl.DataFrame({"key": [1, 2], "newest": [1, 1], "a": [1.0, None], "b": [None, 2.0]}))


def test_a_missing_column_changes_no_equally_new_row_but_is_null_in_a_newer_one() -> None:
    old = pl.DataFrame({"key": [1, 2], "newest": [1, 1], "a": [None, 1.0]}, schema_overrides={"a": pl.Float64})
    new = pl.DataFrame({"key": [1, 2], "newest": [1, 2]})
    changes = RULE.compare(old, new)
    assert changes.unchanged == 1
    assert changes.replaced.to_dicts() == [{"key": 2, "newest": 2, "a": None}]
