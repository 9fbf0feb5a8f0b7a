"""`nodeward decide`: lists what should be drained."""

from __future__ import annotations

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared
from pipelines.commands.times import At, utc


@flattened
def decide(shared: Shared, at: At = None) -> None:
    """List what should be drained, why, and what a limit holds back. A dry run: no node is touched."""
    invocation = shared.invoke()
    from pipelines.operations.decide import decide as operation
    from pipelines.views.flows import show_decide

    invocation.present(invocation.run(operation, utc(at)), show_decide)
