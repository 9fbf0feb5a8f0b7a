"""Reads the names in an inventory: which of its rows are known nodes, and what their aliases are.

A node keeps the name under which it was first listed, so that its history is not split.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import polars as pl

from data.errors import DataError
from data.schema import NODE
from data.validation.node_names import SHOWN, NodeNames, ambiguous_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from data.validation.node_names import SpellingRules

ALIASES: Final = "aliases"  # a column of the inventory, kept among its labels
RACK: Final = "rack"
PLACE: Final = (RACK, "hardware", "partition", "observed_from")
SEPARATORS: Final = re.compile(r"[\s,;]+")


def stored_names(spelling: SpellingRules, stored: pl.DataFrame) -> NodeNames:
    """Return the names of a stored inventory; an alias of two nodes belongs to the one with the newer row."""
    aliases = {alias: node for node, alias in _listed_aliases(stored.sort("as_of", NODE))}
    return NodeNames(spelling, stored[NODE], aliases)


def recognise_nodes(rows: pl.DataFrame, node_names: NodeNames) -> tuple[pl.DataFrame, dict[str, str]]:
    """Rename an inventory's nodes to the known ones; return the rows, and all aliases as {alias: node}.

    Raises:
        DataError: if two nodes of the inventory would become one, or an alias belongs to two nodes.
    """
    by_alias = _unambiguous(_listed_aliases(rows))
    aliases: dict[str, list[str]] = {}
    for alias, name in by_alias.items():
        aliases.setdefault(name, []).append(alias)
    listed = {name for name in rows[NODE].unique() if name}
    nodes = {name: _known_node(name, aliases.get(name, []), node_names, listed) for name in sorted(listed)}
    _require_different(nodes)
    renamings = {name: node for name, node in nodes.items() if name != node}
    renamed = rows.with_columns(pl.col(NODE).replace(renamings)) if renamings else rows
    new_aliases = {alias: nodes[name] for alias, name in by_alias.items()}
    return renamed, {**node_names.aliases, **new_aliases, **{name.lower(): node for name, node in renamings.items()}}


def require_no_renaming(rows: pl.DataFrame, stored: pl.DataFrame, max_share: float) -> None:
    """Check that an inventory's new nodes are not known ones under new names: at the same place since the same time.

    Raises:
        DataError: if that seems so for more than the share `max_share` of the known nodes, and for more than one.
    """
    missing = stored.join(rows, on=NODE, how="anti").filter(pl.col(RACK).is_not_null())
    new = rows.join(stored, on=NODE, how="anti")
    rank = pl.col(NODE).rank("ordinal").over(PLACE).alias("rank")
    on = (*PLACE, "rank")
    pairs = missing.with_columns(rank).join(new.with_columns(rank), on=on, suffix="_new", nulls_equal=True)
    if pairs.height <= max(1.0, max_share * stored.height):
        return
    examples = pairs.sort(NODE).select(NODE, f"{NODE}_new").head(SHOWN).iter_rows()
    raise DataError(
        f"{pairs.height:,} of the {stored.height:,} known nodes are not in this inventory, and as many unknown nodes "
        "are in their racks since the same time, as if they had been renamed: "
        + ", ".join(f"{old!r} is gone, {name!r} is new" for old, name in examples),
        fix="give each node's old name in the inventory's column 'aliases', so that its history stays with it; "
        f"if they are other machines, raise identity.max_unknown_share (now {max_share:g})",
    )


def _listed_aliases(rows: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Yield the aliases in an inventory as (node, alias)."""
    labels = pl.col("labels").str.json_path_match(f"$.{ALIASES}").alias(ALIASES)
    for node, text in rows.select(NODE, labels).drop_nulls().iter_rows():
        yield from ((node, alias) for alias in _split(text))


def _unambiguous(aliases: Iterator[tuple[str, str]]) -> dict[str, str]:
    """Return {alias: node}; raise DataError if an alias belongs to two nodes."""
    nodes: dict[str, str] = {}
    for node, alias in aliases:
        if nodes.setdefault(alias, node) != node:
            raise ambiguous_name(alias, [nodes[alias], node])
    return nodes


def _split(text: str) -> list[str]:
    """Split a JSON list or a text with separators into aliases."""
    return [str(alias).strip().lower() for alias in _json_list(text) or SEPARATORS.split(text) if alias]


def _json_list(text: str) -> list[object]:
    """Parse a JSON list; a text that is none, such as [::1]:9100, gives an empty list."""
    try:
        items = json.loads(text) if text.startswith("[") else []
    except ValueError:
        return []
    return items if isinstance(items, list) else []


def _known_node(name: str, aliases: list[str], node_names: NodeNames, listed: Collection[str]) -> str:
    """Return the known node that has this name or one of these aliases, else the name itself.

    Two names that one inventory lists are always different nodes.
    """
    if name in node_names.nodes:
        return name
    candidates = (node_names.canonical(each) for each in (name, *aliases))
    return next((node for node in candidates if node in node_names.nodes and node not in listed), name)


def _require_different(nodes: Mapping[str, str]) -> None:
    """Raise DataError if two names of {name: node} are one node."""
    names: dict[str, str] = {}
    for name, node in nodes.items():
        if (first := names.setdefault(node, name)) != name:
            raise ambiguous_name(node, [first, name])
