"""Reads what an inventory says of names: which of its rows are known nodes, and what else they are called.

A node keeps the name under which it first came, so that its history stays one.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import polars as pl

from data.identity import Names, ambiguous
from data.schema import NODE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from data.identity import Spelling

ALIASES: Final = "aliases"  # a column of the inventory, kept among its labels
BETWEEN: Final = re.compile(r"[\s,;]+")


def known_nodes(spelling: Spelling, stored: pl.DataFrame) -> Names:
    """List the nodes of the stored inventory; an alias that has moved belongs to the newer one of two nodes."""
    return Names(spelling, stored[NODE], {alias: node for node, alias in _told(stored.sort("as_of", NODE))})


def recognise(rows: pl.DataFrame, known: Names) -> tuple[pl.DataFrame, dict[str, str]]:
    """Spell an inventory's nodes as the known ones are; give the aliases, known ones and those that it tells.

    Raises:
        DataError: if two nodes of the inventory would be one, or an alias stands for two of them.
    """
    aliases = _unmistakable(_told(rows))
    others: dict[str, list[str]] = {}
    for alias, node in aliases.items():
        others.setdefault(node, []).append(alias)
    listed = {own for own in rows[NODE].unique() if own}
    spelt = {own: _spelt(own, others.get(own, []), known, listed) for own in sorted(listed)}
    _require_one_each(spelt)
    changed = {own: node for own, node in spelt.items() if own != node}
    renamed = rows.with_columns(pl.col(NODE).replace(changed)) if changed else rows
    told = {alias: spelt[node] for alias, node in aliases.items()}
    return renamed, {**known.aliases, **told, **{own.lower(): node for own, node in changed.items()}}


def _told(rows: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Read what nodes are called as well, as (node, alias): from a list, or a text of several."""
    labels = pl.col("labels").str.json_path_match(f"$.{ALIASES}").alias(ALIASES)
    for node, text in rows.select(NODE, labels).drop_nulls().iter_rows():
        yield from ((node, alias) for alias in _parted(text))


def _unmistakable(told: Iterator[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for node, alias in told:
        if found.setdefault(alias, node) != node:
            raise ambiguous(alias, [found[alias], node])
    return found


def _parted(text: str) -> list[str]:
    parts = json.loads(text) if text.startswith("[") else BETWEEN.split(text)
    return [str(part).strip().lower() for part in parts if part]


def _spelt(own: str, aliases: list[str], known: Names, listed: Collection[str]) -> str:
    """Give the known node that a row of an inventory speaks of, by its name or an alias; or its own name.

    What an inventory lists beside each other are nodes of their own.
    """
    if own in known.nodes:
        return own
    candidates = (known.canonical(name) for name in (own, *aliases))
    return next((node for node in candidates if node in known.nodes and node not in listed), own)


def _require_one_each(spelt: Mapping[str, str]) -> None:
    taken: dict[str, str] = {}
    for own, node in spelt.items():
        if (other := taken.setdefault(node, own)) != own:
            raise ambiguous(node, [other, own])
