"""How the quarantine looks on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from serving.formats import pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from rich.console import Console

    from pipelines.operations.quarantine import Group, Listing


def show_quarantine(found: Listing, console: Console) -> None:
    """Show what is in quarantine, and what was done about it."""
    for line in quarantine_lines(found):
        console.print(Text(line), soft_wrap=True)


def quarantine_lines(found: Listing) -> Iterator[str]:
    """Say it in lines: a paragraph for each group, with examples."""
    if found.replayed:
        released, kept = sum(found.replayed.released.values()), sum(found.replayed.kept.values())
        yield f"tried {released + kept:,} again: {released:,} are good now and were merged, {kept:,} stay"
    if found.purged is not None:
        yield f"dropped {found.purged:,} rows and cells"
    if not found.groups:
        yield "nothing is in quarantine"
        return
    yield f"{found.rows:,} rows and cells in quarantine"
    for group in found.groups:
        yield ""
        yield from _group(group)
    yield ""
    yield "mend the inventory or the settings, then run: nodeward quarantine --replay"
    yield "where a value could not be read, mend the file or [source], ingest again, and --purge what stays here"


def _group(group: Group) -> Iterator[str]:
    rows, nodes = pluralize(group.rows, "row"), pluralize(group.nodes, "node")
    yield f"{group.table}: {rows} of {nodes} from {group.source!r}: a row {group.reason}"
    if group.first:
        yield f"  {_when(group.first)} to {_when(group.last)}"
    for example in group.examples:
        yield f"  {example}"


def _when(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
