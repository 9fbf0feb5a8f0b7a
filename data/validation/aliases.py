"""Reads what an inventory says of names: which of its rows are known nodes, and what else they are called.

A node keeps the name under which it first came, so that its history stays one.
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

    from data.validation.node_names import Spelling

ALIASES: Final = "aliases"  # a column of the inventory, kept among its labels
RACK: Final = "rack"
PLACE: Final = (RACK, "hardware", "partition", "observed_from")
BETWEEN: Final = re.compile(r"[\s,;]+")


def known_nodes(spelling: Spelling, stored: pl.DataFrame) -> NodeNames:
    """List the nodes of the stored inventory; an alias that has moved belongs to the newer one of two nodes."""
    return NodeNames(spelling, stored[NODE], {alias: node for node, alias in _told(stored.sort("as_of", NODE))})


def recognise(rows: pl.DataFrame, known: NodeNames) -> tuple[pl.DataFrame, dict[str, str]]:
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


def require_no_renaming(rows: pl.DataFrame, stored: pl.DataFrame, most: float) -> None:
    """Check that an inventory's new nodes are not known ones under new names, in the same racks since the same time.

    Raises:
        DataError: if that looks so for more than the share `most` of the known nodes, and more than one.
    """
    gone = stored.join(rows, on=NODE, how="anti").filter(pl.col(RACK).is_not_null())
    new = rows.join(stored, on=NODE, how="anti")
    turn = pl.col(NODE).rank("ordinal").over(PLACE).alias("turn")
    on = (*PLACE, "turn")
    pairs = gone.with_columns(turn).join(new.with_columns(turn), on=on, suffix="_new", nulls_equal=True)
    if pairs.height <= max(1.0, most * stored.height):
        return
    shown = pairs.sort(NODE).select(NODE, f"{NODE}_new").head(SHOWN).iter_rows()
    raise DataError(
        f"{pairs.height:,} of the {stored.height:,} known nodes are not in this inventory, and as many that were never "
        "heard of stand in their racks since the same time, as if they had been renamed: "
        + ", ".join(f"{old!r} is gone, {name!r} is new" for old, name in shown),
        fix="give each node's old name in the inventory's column 'aliases', so that its history stays with it; "
        f"if they are other machines, raise identity.max_unknown_share (now {most:g})",
    )


def _told(rows: pl.DataFrame) -> Iterator[tuple[str, str]]:
    """Read what nodes are called as well, as (node, alias): from a list, or a text of several."""
    labels = pl.col("labels").str.json_path_match(f"$.{ALIASES}").alias(ALIASES)
    for node, text in rows.select(NODE, labels).drop_nulls().iter_rows():
        yield from ((node, alias) for alias in _parted(text))


def _unmistakable(told: Iterator[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for node, alias in told:
        if found.setdefault(alias, node) != node:
            raise ambiguous_name(alias, [found[alias], node])
    return found


def _parted(text: str) -> list[str]:
    return [str(part).strip().lower() for part in _listed(text) or BETWEEN.split(text) if part]


def _listed(text: str) -> list[object]:
    """Read a JSON list; nothing of what is none, such as [::1]:9100."""
    try:
        parts = json.loads(text) if text.startswith("[") else []
    except ValueError:
        return []
    return parts if isinstance(parts, list) else []


def _spelt(own: str, aliases: list[str], known: NodeNames, listed: Collection[str]) -> str:
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
            raise ambiguous_name(node, [other, own])
