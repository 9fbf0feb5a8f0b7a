from __future__ import annotations

import json

import polars as pl
import pytest

from data.errors import DataError
from data.validation.aliases import recognise_nodes, require_no_renaming, stored_names
from data.validation.node_names import NodeNames, SpellingRules
from tests.data.made_up import DAY, START, nodes

NO_NODES = NodeNames(SpellingRules(), [])


def labels_with(*aliases: str) -> str:
    return json.dumps({"aliases": list(aliases), "gpus": 4})


def test_a_first_inventory_keeps_its_names() -> None:
    rows = nodes([{"node": "node01.example.org"}, {"node": "NODE01"}, {"node": "a:1"}])
    renamed, aliases = recognise_nodes(rows, NO_NODES)
    assert renamed.equals(rows)
    assert aliases == {}


@pytest.mark.parametrize("labels", [labels_with("10.0.0.7", "Old01"), '{"aliases": "10.0.0.7, Old01"}'])
def test_aliases_are_read_from_a_list_or_a_text(labels: str) -> None:
    _, aliases = recognise_nodes(nodes([{"labels": labels}, {"node": "n2", "labels": "{}"}, {"node": "n3"}]), NO_NODES)
    assert aliases == {"10.0.0.7": "n1", "old01": "n1"}


@pytest.mark.parametrize("written", ["[::1]:9100", "[fe80::1", "[1e", '["a"'])
def test_an_alias_that_begins_like_a_list_is_a_name(written: str) -> None:
    _, aliases = recognise_nodes(nodes([{"labels": json.dumps({"aliases": f"Old01 {written}"})}]), NO_NODES)
    assert aliases == {"old01": "n1", written: "n1"}
    _, aliases = recognise_nodes(nodes([{"labels": json.dumps({"aliases": written})}]), NO_NODES)
    assert aliases == {written: "n1"}


def test_a_node_keeps_the_name_under_which_it_was_first_listed() -> None:
    node_names = NodeNames(SpellingRules(), ["n1", "n2"])
    rows = nodes([{"node": "N1.example.org"}, {"node": "compute2", "labels": labels_with("n2")}, {"node": "new"}])
    renamed, aliases = recognise_nodes(rows, node_names)
    assert renamed["node"].to_list() == ["n1", "n2", "new"]
    names = NodeNames(SpellingRules(), renamed["node"], aliases)
    assert [names.canonical(name) for name in ("compute2:9100", "n1.example.org", "N2")] == ["n2", "n1", "n2"]


def test_two_names_in_one_inventory_are_two_nodes() -> None:
    rows = nodes([{"node": "n1"}, {"node": "n1-bmc"}, {"node": "N1"}])
    assert recognise_nodes(rows, NodeNames(SpellingRules(), ["n1"]))[0].equals(rows)


def test_two_rows_that_would_be_one_known_node_are_an_error() -> None:
    rows = nodes([{"node": "n1.a.org"}, {"node": "n1-bmc"}])
    with pytest.raises(DataError, match=r"node 'n1' could be 'n1-bmc' or 'n1\.a\.org'"):
        recognise_nodes(rows, NodeNames(SpellingRules(), ["n1"]))


def test_an_alias_of_two_nodes_is_an_error() -> None:
    rows = nodes([{"labels": labels_with("x")}, {"node": "n2", "labels": labels_with("X")}])
    with pytest.raises(DataError, match="node 'x' could be 'n1' or 'n2'"):
        recognise_nodes(rows, NO_NODES)


def test_rows_without_a_node_are_left_to_the_validation() -> None:
    rows = nodes([{"node": None, "labels": labels_with("x")}, {"node": ""}, {}])
    assert recognise_nodes(rows, NO_NODES)[0].equals(rows)


def test_a_stored_alias_that_has_moved_belongs_to_the_newer_node() -> None:
    stored = nodes([
        {"labels": labels_with("x"), "as_of": START + DAY},
        {"node": "n2", "labels": labels_with("x"), "as_of": START},
    ])  # fmt: skip
    assert stored_names(SpellingRules(), stored).canonical("x:9100") == "n1"
    assert stored_names(SpellingRules(), stored.clear()).nodes == frozenset()


def renamed_nodes(count: int) -> pl.DataFrame:
    return nodes([{"node": f"compute-{number}", "rack": f"r{number % 3}"} for number in range(count)])


KNOWN = nodes([{"node": f"n{number}", "rack": f"r{number % 3}"} for number in range(9)])


def test_an_inventory_of_renamed_nodes_is_an_error_with_examples() -> None:
    with pytest.raises(DataError, match=r"9 of the 9 known nodes .*: 'n0' is gone, 'compute-0' is new, 'n1' is gone"):
        require_no_renaming(renamed_nodes(9), KNOWN, 0.01)
    require_no_renaming(renamed_nodes(9), KNOWN, 1.0)


@pytest.mark.parametrize(
    "rows",
    [
        KNOWN,
        KNOWN.head(2),
        pl.concat([KNOWN, renamed_nodes(9)]),
        pl.concat([KNOWN.tail(8), renamed_nodes(1)]),
        renamed_nodes(9).with_columns(rack=pl.lit("another")),
        renamed_nodes(9).with_columns(pl.col("observed_from") + DAY),
    ],
    ids=["the same", "fewer", "more", "one renamed", "other racks", "replaced later"],
)
def test_nodes_that_come_or_go_are_no_renaming(rows: pl.DataFrame) -> None:
    require_no_renaming(rows, KNOWN, 0.01)
    require_no_renaming(rows, KNOWN.clear(), 0.01)


def test_without_racks_no_renaming_is_recognised() -> None:
    require_no_renaming(
        renamed_nodes(9).with_columns(rack=pl.lit(None, pl.String)),
        KNOWN.with_columns(rack=pl.lit(None, pl.String)),
        0.01,
    )
