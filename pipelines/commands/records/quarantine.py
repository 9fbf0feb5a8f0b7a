"""The command that shows what could not be used, and gives it another chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared

Table = Annotated[str, typer.Option("--table", metavar="NAME", help="Only of nodes, events, blind or telemetry.")]
Reason = Annotated[str, typer.Option("--reason", metavar="WORDS", help="Only those whose reason holds these words.")]
Replay = Annotated[bool, typer.Option("--replay", help="Try them again; what is good now is merged and leaves.")]
Purge = Annotated[bool, typer.Option("--purge", help="Drop those that came long ago (--older-than), for good.")]
OlderThan = Annotated[
    str | None, typer.Option("--older-than", metavar="AGE", help="With --purge: how long ago, such as 90d.")
]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which rows and cells are meant."""

    table: Table = ""
    reason: Reason = ""


@flattened
def quarantine(
    chosen: Chosen, shared: Shared, older_than: OlderThan = None, *, replay: Replay = False, purge: Purge = False
) -> None:
    """List the rows and cells that could not be used and why; try them again, or drop old ones."""
    invocation = shared.invoke()
    from pipelines.operations.quarantine import Which, listing, older, try_again
    from pipelines.operations.quarantine import purge as drop
    from pipelines.views.quarantine import show_quarantine

    settings, which = invocation.settings, Which(chosen.table, chosen.reason)
    age = older(older_than, replay=replay, purge=purge)
    if age is not None:
        found = drop(settings, which, age)
    else:
        found = try_again(settings, which) if replay else listing(settings, which)
    invocation.present(found, show_quarantine)
