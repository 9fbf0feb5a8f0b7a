"""`nodeward ingest`: brings records in."""

from __future__ import annotations

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared


@flattened
def ingest(shared: Shared) -> None:
    """Bring the source's records into the state; what is there already changes nothing."""
    invocation = shared.invoke()
    from pipelines.operations.ingest import ingest as work
    from pipelines.views.flows import show_ingest

    invocation.present(invocation.run(work), show_ingest)
