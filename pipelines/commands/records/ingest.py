"""`nodeward ingest`: merges the source's records into the state."""

from __future__ import annotations

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared


@flattened
def ingest(shared: Shared) -> None:
    """Merge the source's records into the state; records that it already has change nothing."""
    invocation = shared.invoke()
    from pipelines.operations.ingest import ingest as operation
    from pipelines.views.flows import show_ingest

    invocation.present(invocation.run(operation), show_ingest)
