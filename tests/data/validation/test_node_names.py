from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import DataError
from data.validation.node_names import FoldedName, NodeNames, SpellingRules, describe_unknown, require_known_nodes

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
def test_a_node_is_found_by_every_spelling_of_its_name(name: str, node: str) -> None:
    assert NodeNames(SpellingRules(), FLEET).canonical(name) == node


@pytest.mark.parametrize(
    "name",
    ["node03", "node1", "node02.other.example.org", "10.0.0.1", "10.0.0.1:9100", "fe80::1", "[fe80::1]:9100", ""],
)
def test_a_name_that_no_node_has_stays_as_it_is(name: str) -> None:
    assert NodeNames(SpellingRules(), FLEET).canonical(name) == name


def test_a_fleet_without_nodes_renames_nothing() -> None:
    assert NodeNames(SpellingRules(), []).canonical("node01:9100") == "node01:9100"


def test_every_name_in_the_inventory_is_canonical() -> None:
    listed = ("node01", "node01-bmc", "node01:9100", "NODE01", "10.0.0.1", "10.0.0.1:80")
    names = NodeNames(SpellingRules(aliases={"10.0.0.1": "node01"}), listed)
    assert [names.canonical(name) for name in listed] == list(listed)


def test_a_listed_board_does_not_take_names_of_its_node() -> None:
    names = NodeNames(SpellingRules(), ["node01", "node01-bmc"])
    assert names.canonical("node01.example.org:9100") == "node01"
    assert names.canonical("NODE01-BMC:623") == "node01-bmc"


def test_addresses_are_found_only_by_the_aliases() -> None:
    names = NodeNames(SpellingRules(aliases={"10.0.0.7": "node01", "FE80::7": "node01"}), FLEET)
    assert [names.canonical(name) for name in ("10.0.0.7", "10.0.0.7:9100", "fe80::7", "10.0.0.70")] == [
        "node01", "node01", "node01", "10.0.0.70",
    ]  # fmt: skip


def test_aliases_of_the_settings_take_precedence_over_those_of_the_inventory() -> None:
    names = NodeNames(SpellingRules(aliases={"a": "node01"}), FLEET, {"a": "gpu-1", "b": "gpu-1"})
    assert (names.canonical("A"), names.canonical("b:9100")) == ("node01", "gpu-1")


def test_an_alias_of_an_unlisted_node_is_ignored() -> None:
    assert NodeNames(SpellingRules(aliases={"a": "ghost"}), FLEET).canonical("a") == "a"


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        (SpellingRules(ports=False), "node01:9100"),
        (SpellingRules(patterns=()), "node01-bmc"),
        (SpellingRules(domains=("other.org",)), "node01.example.org"),
    ],
)
def test_each_rule_can_be_turned_off(spelling: SpellingRules, name: str) -> None:
    assert NodeNames(spelling, FLEET).canonical(name) == name


def test_named_domains_are_interchangeable() -> None:
    spelling = SpellingRules(domains=("a.org", "B.org"))
    assert NodeNames(spelling, ["n1.a.org"]).canonical("n1.b.org:9100") == "n1.a.org"
    assert NodeNames(SpellingRules(), ["n1.a.org"]).canonical("n1.b.org:9100") == "n1.b.org:9100"


def test_a_pattern_of_the_settings_is_used() -> None:
    assert NodeNames(SpellingRules(patterns=(r"(?P<node>.+)-oob",)), FLEET).canonical("node01-oob") == "node01"


@pytest.mark.parametrize("pattern", ["(?P<node>x)?.*", ".*?(?P<node>[0-9]*)"])
def test_a_pattern_that_leaves_nothing_of_a_name_matches_no_node(pattern: str) -> None:
    names = NodeNames(SpellingRules(patterns=(pattern,)), ["rack", "node"])
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
def test_an_ambiguous_name_is_an_error_with_both_nodes(fleet: list[str], name: str) -> None:
    with pytest.raises(DataError, match=f"could be {fleet[0]!r} or {fleet[1]!r}|{fleet[1]!r} or {fleet[0]!r}"):
        NodeNames(SpellingRules(), fleet).canonical(name)


@settings(max_examples=200, deadline=None)
@given(st.sets(HOSTS, min_size=1, max_size=6), st.text(max_size=20))
def test_a_name_becomes_a_listed_one_or_stays(fleet: set[str], name: str) -> None:
    assert NodeNames(SpellingRules(), fleet).canonical(name) in fleet | {name}


@settings(max_examples=200, deadline=None)
@given(HOSTS, st.integers(1, 65535), st.sampled_from(["", ".example.org"]), st.sampled_from(["", "-bmc"]))
def test_every_spelling_of_a_single_node_is_that_node(host: str, port: int, domain: str, board: str) -> None:
    assert NodeNames(SpellingRules(), [host]).canonical(f"{host.upper()}{board}{domain}:{port}") == host


def test_folding_separates_hosts_from_domains() -> None:
    assert SpellingRules().fold("n1.b.example.org") == FoldedName("n1", "b.example.org")
    assert [SpellingRules().fold(name) for name in ("2.5", "web.a", "s20.node3")] == [
        FoldedName("2.5"), FoldedName("web.a"), FoldedName("s20.node3"),
    ]  # fmt: skip


def test_names_that_were_respelt_are_remembered() -> None:
    names = NodeNames(SpellingRules(), FLEET)
    assert [names.canonical(name) for name in ("node01:9100", "node01", "ghost")] == ["node01", "node01", "ghost"]
    assert names.renamed == {"node01:9100": "node01"}


def test_a_single_unknown_name_is_accepted_and_more_than_the_share_is_not() -> None:
    fleet = [f"node{number:03d}" for number in range(300)]
    names = NodeNames(SpellingRules(), fleet)
    require_known_nodes(names, ["ghost"])
    require_known_nodes(names, [*fleet[:297], "a", "b", "c"])  # 1.0%
    with pytest.raises(DataError, match=r"4 of the 300 nodes .* \(1\.3%\) .*'nod001' \(nearest: 'node001'\)") as raised:
        require_known_nodes(names, [*fleet[:296], "nod001", "b", "c", "d"])
    assert "identity.max_unknown_share" in str(raised.value)


def test_a_larger_share_accepts_more() -> None:
    require_known_nodes(NodeNames(SpellingRules(max_unknown_share=0.5), ["a", "b"]), ["a", "b", "c", "d"])
    require_known_nodes(NodeNames(SpellingRules(max_unknown_share=1.0), ["a"]), ["b", "c", "d"])


def test_only_a_few_unknown_names_are_listed() -> None:
    text = describe_unknown(NodeNames(SpellingRules(), ["a"]), [f"x{number}" for number in range(1200)])
    assert text.startswith("'x0', 'x1', 'x10'")
    assert text.endswith(" and 1,195 more")
