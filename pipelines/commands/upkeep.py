"""Commands that keep a state in order, and keep a copy of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.options import DEFAULT_CONFIG, Config, Json, Overrides, Verbose, invoke

Archive = Annotated[Path, typer.Argument(metavar="FILE", help="The archive: NAME.tar.zst or NAME.tar.gz.")]
Into = Annotated[Path | None, typer.Option("--into", metavar="FOLDER", help="Restore there, not into state.path.")]
Force = Annotated[bool, typer.Option("--force", help="Replace the state that is there.")]


def maintain(
    ctx: typer.Context,
    config: Config = DEFAULT_CONFIG,
    overrides: Overrides = None,
    json: Json = None,
    *,
    verbose: Verbose = False,
) -> None:
    """Delete what retention says, put small files together, and remove old versions that no model cites."""
    invocation = invoke(ctx, config, overrides, json, verbose=verbose)
    with invocation.flows():
        from pipelines.maintain import maintain as flow

        report = flow(*invocation.parameters)
    from pipelines.show_upkeep import show_maintain

    invocation.present(report, show_maintain)


def backup(
    ctx: typer.Context,
    file: Archive,
    config: Config = DEFAULT_CONFIG,
    overrides: Overrides = None,
    json: Json = None,
    *,
    verbose: Verbose = False,
) -> None:
    """Write the whole state into one file: tables, records and models."""
    invocation = invoke(ctx, config, overrides, json, verbose=verbose)
    from pipelines.backup import backup as write
    from pipelines.show_upkeep import show_backup

    invocation.present(write(invocation.settings, file), lambda report, console: show_backup(report, file, console))


def restore(
    ctx: typer.Context,
    file: Archive,
    into: Into = None,
    config: Config = DEFAULT_CONFIG,
    overrides: Overrides = None,
    json: Json = None,
    *,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Put a backup in the place of the state, whole or not at all."""
    invocation = invoke(ctx, config, overrides, json, verbose=verbose)
    from pipelines.backup import restore as put_back
    from pipelines.show_upkeep import show_restore

    report = put_back(invocation.settings, file, into, force=force)
    folder = into or invocation.settings.state.path
    invocation.present(report, lambda report, console: show_restore(report, folder, console))
