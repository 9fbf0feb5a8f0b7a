"""`nodeward maintain`, `backup` and `restore`: keep the state small, and copy it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared

Archive = Annotated[Path, typer.Argument(metavar="FILE", help="The archive: NAME.tar.zst or NAME.tar.gz.")]
Into = Annotated[Path | None, typer.Option("--into", metavar="FOLDER", help="Restore there, not into state.path.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing state.")]


@flattened
def maintain(shared: Shared) -> None:
    """Delete telemetry and history older than the retention settings, merge small files, remove unused old versions."""
    invocation = shared.invoke()
    from pipelines.operations.maintain import maintain as operation
    from pipelines.views.maintenance import show_maintain

    invocation.present(invocation.run(operation), show_maintain)


@flattened
def backup(shared: Shared, file: Archive) -> None:
    """Write the whole state into one file: tables, records and models."""
    invocation = shared.invoke()
    from pipelines.operations.backup import backup as write_backup
    from pipelines.views.maintenance import show_backup

    report = write_backup(invocation.settings, file)
    invocation.present(report, lambda report, console: show_backup(report, file, console))


@flattened
def restore(shared: Shared, file: Archive, into: Into = None, *, force: Force = False) -> None:
    """Replace the state with a backup, completely or not at all."""
    invocation = shared.invoke()
    from pipelines.operations.backup import restore as restore_state
    from pipelines.views.maintenance import show_restore

    report = restore_state(invocation.settings, file, into, force=force)
    folder = into or invocation.settings.state.path
    invocation.present(report, lambda report, console: show_restore(report, folder, console))
