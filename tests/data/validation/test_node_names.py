from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import DataError
from data.validation.node_names import FoldedName, NodeNames, Spelling, describe_unknown, require_known_nodes

FLEET = ("node01", "node02.hpc.example.org", "gpu-1", "Login1")
HOSTS = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("name", "node"),
    [
        ("node01", "node01"),
        ("node01:9100", "node01"),
        ("NODE01", "node01"),
        (" node01 ", "node01"),
        ("node01.cluster.example.org", "node01"),
        ("Node01.Cluster.Example.Org:9100", "node01"),
        ("node01-bmc", "node01"),
        ("node01_ipmi", "node01"),
        ("bmc-node01", "node01"),
        ("node01-bmc.mgmt.example.org:623", "node01"),
        ("node02", "node02.hpc.example.org"),
        ("node02:9100", "node02.hpc.example.org"),
        ("NODE02.HPC.EXAMPLE.ORG", "node02.hpc.example.org"),
        ("node02-ilo", "node02.hpc.example.org"),
        ("gpu-1:9400", "gpu-1"),
        ("login1", "Login1"),
    ],
)
def test_a_name_is_found_however_it_is_spelt(name: str, node: str) -> None:
    assert NodeNames(Spelling(), FLEET).canonical(name) == node


@pytest.mark.parametrize(
    "name",
    ["node03", "node1", "node02.other.example.org", "10.0.0.1", "10.0.0.1:9100", "fe80::1", "[fe80::1]:9100", ""],
)
def test_a_name_that_no_node_has_stays_as_it_is(name: str) -> None:
    assert NodeNames(Spelling(), FLEET).canonical(name) == name


def test_a_fleet_of_nobody_has_no_other_names() -> None:
    assert NodeNames(Spelling(), []).canonical("node01:9100") == "node01:9100"


def test_what_the_inventory_lists_is_itself_whatever_it_looks_like() -> None:
    listed = ("node01", "node01-bmc", "node01:9100", "NODE01", "10.0.0.1", "10.0.0.1:80")
    names = NodeNames(Spelling(aliases={"10.0.0.1": "node01"}), listed)
    assert [names.canonical(name) for name in listed] == list(listed)


def test_a_board_that_is_listed_beside_its_node_takes_no_name_from_it() -> None:
    names = NodeNames(Spelling(), ["node01", "node01-bmc"])
    assert names.canonical("node01.example.org:9100") == "node01"
    assert names.canonical("NODE01-BMC:623") == "node01-bmc"


def test_addresses_are_found_through_the_table_alone() -> None:
    names = NodeNames(Spelling(aliases={"10.0.0.7": "node01", "FE80::7": "node01"}), FLEET)
    assert [names.canonical(name) for name in ("10.0.0.7", "10.0.0.7:9100", "fe80::7", "10.0.0.70")] == [
        "node01", "node01", "node01", "10.0.0.70",
    ]  # fmt: skip


def test_the_settings_aliases_come_before_the_inventorys() -> None:
    names = NodeNames(Spelling(aliases={"a": "node01"}), FLEET, {"a": "gpu-1", "b": "gpu-1"})
    assert (names.canonical("A"), names.canonical("b:9100")) == ("node01", "gpu-1")


def test_an_alias_makes_no_node_that_is_not_listed() -> None:
    assert NodeNames(Spelling(aliases={"a": "ghost"}), FLEET).canonical("a") == "a"


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        (Spelling(ports=False), "node01:9100"),
        (Spelling(patterns=()), "node01-bmc"),
        (Spelling(domains=("other.org",)), "node01.example.org"),
    ],
)
def test_each_rule_can_be_turned_off(spelling: Spelling, name: str) -> None:
    assert NodeNames(spelling, FLEET).canonical(name) == name


def test_below_named_domains_any_two_are_one() -> None:
    spelling = Spelling(domains=("a.org", "B.org"))
    assert NodeNames(spelling, ["n1.a.org"]).canonical("n1.b.org:9100") == "n1.a.org"
    assert NodeNames(Spelling(), ["n1.a.org"]).canonical("n1.b.org:9100") == "n1.b.org:9100"


def test_an_own_pattern_finds_its_node() -> None:
    assert NodeNames(Spelling(patterns=(r"(?P<node>.+)-oob",)), FLEET).canonical("node01-oob") == "node01"


@pytest.mark.parametrize("pattern", ["(?P<node>x)?.*", ".*?(?P<node>[0-9]*)"])
def test_a_pattern_that_leaves_nothing_of_a_name_makes_no_two_alike(pattern: str) -> None:
    names = NodeNames(Spelling(patterns=(pattern,)), ["rack", "node"])
    assert names.canonical("abc") == "abc"
    assert names.nearest("rack-") == "rack"


@pytest.mark.parametrize(
    ("fleet", "name"),
    [
        (["n1.a.org", "n1.b.org"], "n1"),
        (["n1.a.org", "n1.b.org"], "n1-bmc"),
        (["Web", "WEB"], "web"),
    ],
)
def test_a_name_that_could_be_two_nodes_is_an_error_that_names_both(fleet: list[str], name: str) -> None:
    with pytest.raises(DataError, match=f"could be {fleet[0]!r} or {fleet[1]!r}|{fleet[1]!r} or {fleet[0]!r}"):
        NodeNames(Spelling(), fleet).canonical(name)


@settings(max_examples=200, deadline=None)
@given(st.sets(HOSTS, min_size=1, max_size=6), st.text(max_size=20))
def test_a_name_becomes_a_listed_one_or_stays(fleet: set[str], name: str) -> None:
    assert NodeNames(Spelling(), fleet).canonical(name) in fleet | {name}


@settings(max_examples=200, deadline=None)
@given(HOSTS, st.integers(1, 65535), st.sampled_from(["", ".example.org"]), st.sampled_from(["", "-bmc"]))
def test_every_dressed_up_name_of_a_lone_node_is_that_node(host: str, port: int, domain: str, board: str) -> None:
    assert NodeNames(Spelling(), [host]).canonical(f"{host.upper()}{board}{domain}:{port}") == host


def test_folding_tells_hosts_from_domains() -> None:
    assert Spelling().fold("n1.b.example.org") == FoldedName("n1", "b.example.org")
    assert [Spelling().fold(name) for name in ("2.5", "web.a", "s20.node3")] == [
        FoldedName("2.5"), FoldedName("web.a"), FoldedName("s20.node3"),
    ]  # fmt: skip


def test_names_that_were_respelt_are_remembered() -> None:
    names = NodeNames(Spelling(), FLEET)
    assert [names.canonical(name) for name in ("node01:9100", "node01", "ghost")] == ["node01", "node01", "ghost"]
    assert names.respelt == {"node01:9100": "node01"}


def test_a_single_unknown_name_stops_nothing_and_more_than_the_share_does() -> None:
    fleet = [f"node{number:03d}" for number in range(300)]
    names = NodeNames(Spelling(), fleet)
    require_known_nodes(names, ["ghost"])
    require_known_nodes(names, [*fleet[:297], "a", "b", "c"])  # 1.0%
    with pytest.raises(DataError, match=r"4 of the 300 nodes .* \(1\.3%\) .*'nod001' \(nearest: 'node001'\)") as raised:
        require_known_nodes(names, [*fleet[:296], "nod001", "b", "c", "d"])
    assert "identity.max_unknown_share" in str(raised.value)


def test_a_larger_share_lets_more_pass() -> None:
    require_known_nodes(NodeNames(Spelling(max_unknown_share=0.5), ["a", "b"]), ["a", "b", "c", "d"])
    require_known_nodes(NodeNames(Spelling(max_unknown_share=1.0), ["a"]), ["b", "c", "d"])


def test_a_few_examples_stand_for_many() -> None:
    told = describe_unknown(NodeNames(Spelling(), ["a"]), [f"x{number}" for number in range(1200)])
    assert told.startswith("'x0', 'x1', 'x10'")
    assert told.endswith(" and 1,195 more")
