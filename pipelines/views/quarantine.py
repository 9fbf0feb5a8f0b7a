"""Prints what is in quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.views.tables import minute, print_lines
from serving.formats import pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from pipelines.operations.quarantine import Group, Listing


def show_quarantine(listing: Listing, console: Console) -> None:
    """Print what is in quarantine and what was done about it: a paragraph for each group, with examples."""
    print_lines(console, _lines(listing))


def _lines(listing: Listing) -> Iterator[str]:
    if listing.replayed:
        released, kept = sum(listing.replayed.released.values()), sum(listing.replayed.kept.values())
        yield f"checked {released + kept:,} again: {released:,} are valid now and were merged, {kept:,} stay"
    if listing.purged is not None:
        yield f"dropped {listing.purged:,} rows and cells"
    if not listing.groups:
        yield "nothing is in quarantine"
        return
    yield f"{listing.rows:,} rows and cells in quarantine"
    for group in listing.groups:
        yield ""
        yield from _group_lines(group)
    yield ""
    yield "correct the inventory or the settings, then run: nodeward quarantine --replay"
    yield "where a value could not be read, correct the file or [source], ingest again, and --purge what stays here"


def _group_lines(group: Group) -> Iterator[str]:
    rows, nodes = pluralize(group.rows, "row"), pluralize(group.nodes, "node")
    yield f"{group.table}: {rows} of {nodes} from {group.source!r}: a row {group.reason}"
    if group.first:
        yield f"  {minute(group.first)} to {minute(group.last)}"
    for example in group.examples:
        yield f"  {example}"
