"""`nodeward deploy`: registers the flows with a Prefect server."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared

Remove = Annotated[bool, typer.Option("--remove", help="Remove the fleet's deployments.")]


@flattened
def deploy(shared: Shared, *, remove: Remove = False) -> None:
    """Register every flow, on its schedule, with the Prefect server that PREFECT_API_URL names."""
    invocation = shared.invoke()
    from pipelines.flows.server import on_server
    from pipelines.views.deploy import show_deploy, show_removed
    from pipelines.wiring.wiring import state_folder

    with on_server(state_folder(invocation.settings), verbose=shared.verbose):
        from pipelines.flows import deploy as deployments

        if remove:
            invocation.present(deployments.remove(invocation.settings), show_removed)
        else:
            report = deployments.deploy(invocation.settings, invocation.config, invocation.overrides)
            invocation.present(report, show_deploy)
