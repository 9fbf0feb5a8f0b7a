"""Commands that keep a state in order, and keep a copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared

Archive = Annotated[Path, typer.Argument(metavar="FILE", help="The archive: NAME.tar.zst or NAME.tar.gz.")]
Into = Annotated[Path | None, typer.Option("--into", metavar="FOLDER", help="Restore there, not into state.path.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the state that is there.")]


@flattened
def maintain(shared: Shared) -> None:
    """Delete what retention says, put small files together, and remove old versions that no model cites."""
    invocation = shared.invoke()
    from pipelines.operations.maintain import maintain as work
    from pipelines.views.maintenance import show_maintain

    invocation.present(invocation.run(work), show_maintain)


@flattened
def backup(shared: Shared, file: Archive) -> None:
    """Write the whole state into one file: tables, records and models."""
    invocation = shared.invoke()
    from pipelines.operations.backup import backup as write
    from pipelines.views.maintenance import show_backup

    invocation.present(write(invocation.settings, file), lambda report, console: show_backup(report, file, console))


@flattened
def restore(shared: Shared, file: Archive, into: Into = None, *, force: Force = False) -> None:
    """Put a backup in the place of the state, whole or not at all."""
    invocation = shared.invoke()
    from pipelines.operations.backup import restore as put_back
    from pipelines.views.maintenance import show_restore

    report = put_back(invocation.settings, file, into, force=force)
    folder = into or invocation.settings.state.path
    invocation.present(report, lambda report, console: show_restore(report, folder, console))
