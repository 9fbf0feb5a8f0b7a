"""The command that hands the flows to a Prefect server."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.options import DEFAULT_CONFIG, Config, Json, Overrides, Verbose, invoke

Remove = Annotated[bool, typer.Option("--remove", help="Take the fleet's deployments away.")]


def deploy(
    ctx: typer.Context,
    config: Config = DEFAULT_CONFIG,
    overrides: Overrides = None,
    json: Json = None,
    *,
    remove: Remove = False,
    verbose: Verbose = False,
) -> None:
    """Register every flow, on its schedule, with the Prefect server that PREFECT_API_URL names."""
    invocation = invoke(ctx, config, overrides, json, verbose=verbose)
    from pipelines.engine import on_server
    from pipelines.show_deploy import show_deploy, show_removed
    from pipelines.wiring import state_folder

    with on_server(state_folder(invocation.settings), verbose=verbose):
        from pipelines import deploy as deployments

        if remove:
            invocation.present(deployments.remove(invocation.settings), show_removed)
        else:
            report = deployments.deploy(invocation.settings, config, invocation.overrides)
            invocation.present(report, show_deploy)
