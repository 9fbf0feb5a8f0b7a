"""Gives each node one name, however a source spells it: with a port, a domain, as its management board, as an address.

The inventory's own spelling is the canonical one. A name that it does not list is looked up in the table of
aliases, and then compared with the inventory's names after both were folded: case, port, domain and the marks of
a management board are taken off. A pattern thus never makes a name that the inventory does not have.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from data.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import polars as pl

BOARD: Final = "bmc|ipmi|ilo|idrac|drac|ilom|xcc"
BOARD_PATTERNS: Final = (rf"(?P<node>.+)[-_](?:{BOARD})", rf"(?:{BOARD})[-_](?P<node>.+)")
ADDRESS: Final = re.compile(r"\d{1,3}(\.\d{1,3}){3}|\[?[0-9a-f]*:[0-9a-f:.]*\]?")
PORT: Final = re.compile(r"(?P<host>\[[^\]]+\]|[^:]+):\d{1,5}")
FULL_NAME: Final = re.compile(r"(?P<host>[a-z0-9_-]+)\.(?P<domain>(?:[a-z0-9-]+\.)*[a-z]{2,})")
SHOWN: Final = 5  # names in a message
Key = TypeVar("Key", str, "FoldedName")


class FoldedName(NamedTuple):
    """A name without its port, case and marks; `domain` is empty for a short name."""

    host: str
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Spelling:
    """Which differences between two names do not matter, and what else nodes are called.

    `domains`: below these node01.x.org is node01; none stands for any domain, as long as only one node fits.
    `patterns`: regular expressions of a whole name, with a group `node`. `max_unknown_share`: of the names that
    records carry, how many the inventory may lack.
    """

    ports: bool = True
    domains: tuple[str, ...] = ()
    patterns: tuple[str, ...] = BOARD_PATTERNS
    aliases: Mapping[str, str] = field(default_factory=dict)
    max_unknown_share: float = 0.01

    def host(self, name: str) -> str:
        """Take case and port off."""
        host = name.strip().lower()
        ported = PORT.fullmatch(host) if self.ports else None
        return ported["host"] if ported else host

    def fold(self, name: str) -> FoldedName:
        """Take off what does not matter; an address keeps all but its port."""
        host = self.host(name)
        if ADDRESS.fullmatch(host):
            return FoldedName(host)
        short = self._shortened(host)
        for pattern in self.patterns:
            if (board := re.fullmatch(pattern, short.host)) and board["node"]:
                return FoldedName(board["node"])  # boards live in a network of their own
        return short

    def _shortened(self, host: str) -> FoldedName:
        for domain in self.domains:
            if host.endswith(f".{domain.lower()}"):
                return FoldedName(host[: -len(domain) - 1])
        full = None if self.domains else FULL_NAME.fullmatch(host)
        return FoldedName(full["host"], full["domain"]) if full else FoldedName(host)


@dataclass(frozen=True, slots=True)
class NameIndex:
    """Nodes by host, by folded name, and by folded host alone."""

    hosts: Mapping[str, tuple[str, ...]]
    full: Mapping[FoldedName, tuple[str, ...]]
    short: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, spelling: Spelling, nodes: Iterable[str]) -> NameIndex:
        """Fold every node's name."""
        folded = {node: spelling.fold(node) for node in sorted(nodes)}
        hosts = {node: spelling.host(node) for node in folded}
        return cls(_grouped(hosts), _grouped(folded), _grouped({node: one.host for node, one in folded.items()}))

    def alike(self, folded: FoldedName) -> tuple[str, ...]:
        """Find the nodes of a folded name: a short name fits any domain, a full one its own or none."""
        own = self.full.get(folded, ()) if folded.domain else self.short.get(folded.host, ())
        found = own or self.full.get(FoldedName(folded.host), ())
        plain = self.hosts.get(folded.host, ())  # before a management board that is listed beside its node
        return plain if plain and set(plain) <= set(found) else found


class NodeNames:
    """The nodes that are known, and what else they are called; the settings' aliases come before the inventory's."""

    def __init__(self, spelling: Spelling, nodes: Iterable[str], aliases: Mapping[str, str] | None = None) -> None:
        self.spelling = spelling
        self.nodes = frozenset(nodes)
        told = {**(aliases or {}), **spelling.aliases}
        self.aliases = {alias.strip().lower(): node for alias, node in told.items()}
        self._found: dict[str, str] = {}

    @cached_property
    def index(self) -> NameIndex:
        """Fold the nodes' names, once it is needed."""
        return NameIndex.of(self.spelling, self.nodes)

    def canonical(self, name: str) -> str:
        """Give a node's name in the inventory's spelling, or the name as it is if no node has it.

        Raises:
            DataError: if more than one node could be meant.
        """
        if name in self.nodes or not self.nodes:
            return name
        if name not in self._found:
            self._found[name] = self._find(name)
        return self._found[name]

    @property
    def respelt(self) -> dict[str, str]:
        """Give the names met so far that were spelt otherwise, with the inventory's spelling."""
        return {name: node for name, node in self._found.items() if name != node}

    def _find(self, name: str) -> str:
        host, folded = self.spelling.host(name), self.spelling.fold(name)
        for alias in (name.strip().lower(), host, folded.host):
            if (node := self.aliases.get(alias, "")) in self.nodes:
                return node
        found = self.index.hosts.get(host) or self.index.alike(folded)
        if len(found) > 1:
            raise ambiguous_name(name, found)
        return found[0] if found else name

    def changes(self, names: pl.Series) -> dict[str, str]:
        """Give the canonical name of each that is spelt otherwise."""
        others = (name for name in names.unique() if name and name not in self.nodes)
        return {name: spelt for name in others if (spelt := self.canonical(name)) != name}

    def nearest(self, name: str) -> str | None:
        """Give the known node whose name is most like this one."""
        close = get_close_matches(self.spelling.fold(name).host, self.index.short, 1, 0.6)
        return self.index.short[close[0]][0] if close else None


def require_known_nodes(names: NodeNames, seen: Collection[str]) -> None:
    """Check that of the names that records carry, few enough are unknown; a single one always is.

    Raises:
        DataError: if more than their largest share are.
    """
    most, unknown = names.spelling.max_unknown_share, sorted(set(seen) - names.nodes)
    if len(unknown) <= max(1.0, most * len(seen)):
        return
    raise DataError(
        f"{len(unknown):,} of the {len(seen):,} nodes that telemetry and events speak of "
        f"({len(unknown) / len(seen):.1%}) are not in the inventory, and their records would be lost: "
        + describe_unknown(names, unknown),
        fix="list them in the inventory, or give their other names in its column 'aliases' or under "
        f"[identity.aliases]; to leave them out, raise identity.max_unknown_share (now {most:g})",
    )


def describe_unknown(names: NodeNames, unknown: Collection[str]) -> str:
    """Tell a few unknown names, each with the known one that is most like it."""
    told = [
        f"{name!r}" + (f" (nearest: {near!r})" if (near := names.nearest(name)) else "")
        for name in sorted(unknown)[:SHOWN]
    ]
    more = f" and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else ""
    return ", ".join(told) + more


def ambiguous_name(name: str, found: Collection[str]) -> DataError:
    """Say that a name could stand for more than one node."""
    first, second, *_ = sorted(found)
    return DataError(
        f"node {name!r} could be {first!r} or {second!r}: both fold to the same name",
        fix="say which one it is under [identity.aliases], or narrow identity.domains or identity.patterns",
    )


def _grouped(keys: Mapping[str, Key]) -> dict[Key, tuple[str, ...]]:
    """Turn {node: key} into {key: nodes}."""
    found = defaultdict[Key, list[str]](list)
    for node, key in keys.items():
        found[key].append(node)
    return {key: tuple(nodes) for key, nodes in found.items()}
