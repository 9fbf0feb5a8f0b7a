"""Finds the canonical name of a node that a source names with a port, a domain, its management board or an address.

The canonical name is the one in the inventory. A name that the inventory does not list is looked up among the aliases,
and then compared with the inventory's names after both were folded: without case, port, domain and the marks of a
management board. So a pattern never produces a name that the inventory does not have.
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
    """A name without port, case and marks; `domain` is empty for a short name."""

    host: str
    domain: str = ""


@dataclass(frozen=True, slots=True)
class SpellingRules:
    """Which differences between two names do not matter, and the aliases of nodes.

    `domains`: in these, node01.x.org is node01; if there are none, in any domain, as long as only one node matches.
    `patterns`: regular expressions for a whole name, with a group `node`. `max_unknown_share`: the largest share of the
    names in records that the inventory may lack.
    """

    ports: bool = True
    domains: tuple[str, ...] = ()
    patterns: tuple[str, ...] = BOARD_PATTERNS
    aliases: Mapping[str, str] = field(default_factory=dict)
    max_unknown_share: float = 0.01

    def host(self, name: str) -> str:
        """Return the name in lower case without its port."""
        host = name.strip().lower()
        ported = PORT.fullmatch(host) if self.ports else None
        return ported["host"] if ported else host

    def fold(self, name: str) -> FoldedName:
        """Return the name without what does not matter; an address loses only its port."""
        host = self.host(name)
        if ADDRESS.fullmatch(host):
            return FoldedName(host)
        short = self._shortened(host)
        for pattern in self.patterns:
            if (board := re.fullmatch(pattern, short.host)) and board["node"]:
                return FoldedName(board["node"])  # boards are in a separate network
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
    def of(cls, spelling: SpellingRules, nodes: Iterable[str]) -> NameIndex:
        """Fold the name of every node."""
        folded = {node: spelling.fold(node) for node in sorted(nodes)}
        hosts = {node: spelling.host(node) for node in folded}
        return cls(_grouped(hosts), _grouped(folded), _grouped({node: name.host for node, name in folded.items()}))

    def matches(self, folded: FoldedName) -> tuple[str, ...]:
        """Return the nodes of a folded name: a short name matches any domain, a full one its own domain or none."""
        exact = self.full.get(folded, ()) if folded.domain else self.short.get(folded.host, ())
        nodes = exact or self.full.get(FoldedName(folded.host), ())
        hosts = self.hosts.get(folded.host, ())  # preferred to a management board that the inventory lists too
        return hosts if hosts and set(hosts) <= set(nodes) else nodes


class NodeNames:
    """The known nodes and their aliases; aliases of the settings take precedence over those of the inventory."""

    def __init__(self, spelling: SpellingRules, nodes: Iterable[str], aliases: Mapping[str, str] | None = None) -> None:
        self.spelling = spelling
        self.nodes = frozenset(nodes)
        all_aliases = {**(aliases or {}), **spelling.aliases}
        self.aliases = {alias.strip().lower(): node for alias, node in all_aliases.items()}
        self._canonical: dict[str, str] = {}

    @cached_property
    def index(self) -> NameIndex:
        """The index of the nodes' names."""
        return NameIndex.of(self.spelling, self.nodes)

    def canonical(self, name: str) -> str:
        """Return the canonical name of a node, or the name itself if no node matches it.

        Raises:
            DataError: if more than one node matches.
        """
        if name in self.nodes or not self.nodes:
            return name
        if name not in self._canonical:
            self._canonical[name] = self._find(name)
        return self._canonical[name]

    @property
    def renamed(self) -> dict[str, str]:
        """The looked-up names that differ from the canonical name, as {name: canonical name}."""
        return {name: node for name, node in self._canonical.items() if name != node}

    def _find(self, name: str) -> str:
        host, folded = self.spelling.host(name), self.spelling.fold(name)
        for alias in (name.strip().lower(), host, folded.host):
            if (node := self.aliases.get(alias, "")) in self.nodes:
                return node
        nodes = self.index.hosts.get(host) or self.index.matches(folded)
        if len(nodes) > 1:
            raise ambiguous_name(name, nodes)
        return nodes[0] if nodes else name

    def renamings(self, names: pl.Series) -> dict[str, str]:
        """Return the names that differ from the canonical name, as {name: canonical name}."""
        unlisted = (name for name in names.unique() if name and name not in self.nodes)
        return {name: node for name in unlisted if (node := self.canonical(name)) != name}

    def nearest(self, name: str) -> str | None:
        """Return the known node with the most similar name, if one is similar."""
        close = get_close_matches(self.spelling.fold(name).host, self.index.short, 1, 0.6)
        return self.index.short[close[0]][0] if close else None


def require_known_nodes(names: NodeNames, named: Collection[str]) -> None:
    """Check that few of the nodes that records name are unknown; a single one is always accepted.

    Raises:
        DataError: if the share of unknown nodes is larger than max_unknown_share.
    """
    max_share, unknown = names.spelling.max_unknown_share, sorted(set(named) - names.nodes)
    if len(unknown) <= max(1.0, max_share * len(named)):
        return
    raise DataError(
        f"{len(unknown):,} of the {len(named):,} nodes that telemetry and events name "
        f"({len(unknown) / len(named):.1%}) are not in the inventory, and their records would be lost: "
        + describe_unknown(names, unknown),
        fix="list them in the inventory, or give their other names in its column 'aliases' or under "
        f"[identity.aliases]; to leave them out, raise identity.max_unknown_share (now {max_share:g})",
    )


def describe_unknown(names: NodeNames, unknown: Collection[str]) -> str:
    """List a few unknown names, each with the most similar known one."""
    examples = [
        f"{name!r}" + (f" (nearest: {near!r})" if (near := names.nearest(name)) else "")
        for name in sorted(unknown)[:SHOWN]
    ]
    more = f" and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else ""
    return ", ".join(examples) + more


def ambiguous_name(name: str, nodes: Collection[str]) -> DataError:
    """Return the error for a name that matches more than one node."""
    first, second, *_ = sorted(nodes)
    return DataError(
        f"node {name!r} could be {first!r} or {second!r}: both fold to the same name",
        fix="name the right one under [identity.aliases], or narrow identity.domains or identity.patterns",
    )


def _grouped(keys: Mapping[str, Key]) -> dict[Key, tuple[str, ...]]:
    """Convert {node: key} to {key: nodes}."""
    groups = defaultdict[Key, list[str]](list)
    for node, key in keys.items():
        groups[key].append(node)
    return {key: tuple(nodes) for key, nodes in groups.items()}
