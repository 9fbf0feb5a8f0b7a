"""`nodeward quarantine`: lists rows and cells that could not be used, checks them again, or drops them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared

Table = Annotated[str, typer.Option("--table", metavar="NAME", help="Only of nodes, events, blind or telemetry.")]
Reason = Annotated[str, typer.Option("--reason", metavar="WORDS", help="Only those whose reason contains these words.")]
Replay = Annotated[bool, typer.Option("--replay", help="Check them again; those that are valid now are merged.")]
Purge = Annotated[bool, typer.Option("--purge", help="Drop old ones (--older-than) for good.")]
OlderThan = Annotated[
    str | None, typer.Option("--older-than", metavar="AGE", help="With --purge: how long ago, such as 90d.")
]


@dataclass(frozen=True, slots=True)
class SelectionOptions:
    """Which rows and cells to list, check again or drop."""

    table: Table = ""
    reason: Reason = ""


@flattened
def quarantine(
    selected: SelectionOptions,
    shared: Shared,
    older_than: OlderThan = None,
    *,
    replay: Replay = False,
    purge: Purge = False,
) -> None:
    """List the rows and cells that could not be used and why; check them again, or drop old ones."""
    invocation = shared.invoke()
    from pipelines.operations.quarantine import Selection, check_again, list_quarantine, purge_age
    from pipelines.operations.quarantine import purge as drop
    from pipelines.views.quarantine import show_quarantine

    settings, selection = invocation.settings, Selection(selected.table, selected.reason)
    age = purge_age(older_than, replay=replay, purge=purge)
    if age is not None:
        listing = drop(settings, selection, age)
    else:
        listing = check_again(settings, selection) if replay else list_quarantine(settings, selection)
    invocation.present(listing, show_quarantine)
