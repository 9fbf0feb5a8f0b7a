"""The command that hands the flows to a Prefect server."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.flattening import flattened
from pipelines.options import Shared

Remove = Annotated[bool, typer.Option("--remove", help="Take the fleet's deployments away.")]


@flattened
def deploy(shared: Shared, *, remove: Remove = False) -> None:
    """Register every flow, on its schedule, with the Prefect server that PREFECT_API_URL names."""
    invocation = shared.invoke()
    from pipelines.engine import on_server
    from pipelines.show_deploy import show_deploy, show_removed
    from pipelines.wiring import state_folder

    with on_server(state_folder(invocation.settings), verbose=shared.verbose):
        from pipelines import deploy as deployments

        if remove:
            invocation.present(deployments.remove(invocation.settings), show_removed)
        else:
            report = deployments.deploy(invocation.settings, invocation.config, invocation.overrides)
            invocation.present(report, show_deploy)
