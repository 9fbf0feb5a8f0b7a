"""`nodeward decide`: what should be drained."""

from __future__ import annotations

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared
from pipelines.commands.times import At, utc


@flattened
def decide(shared: Shared, at: At = None) -> None:
    """List what should be drained, why, and what a limit holds back. A dry run: no node is touched."""
    invocation = shared.invoke()
    from pipelines.operations.decide import decide as work
    from pipelines.views.flows import show_decide

    invocation.present(invocation.run(work, utc(at)), show_decide)
