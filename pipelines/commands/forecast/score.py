"""`nodeward score`: scores every node."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared
from pipelines.commands.times import At, utc

Force = Annotated[bool, typer.Option("--force", help="Publish, even if it replaces scores of a later time.")]
Model = Annotated[str, typer.Option("--model", metavar="NAME", help="Alias or version of the registered model.")]
Top = Annotated[int, typer.Option("--top", metavar="N", min=0, help="Show this many of the riskiest nodes.")]


@flattened
def score(shared: Shared, model: Model = "champion", at: At = None, top: Top = 10, *, force: Force = False) -> None:
    """Score every node, and publish the scores."""
    invocation = shared.invoke()
    from pipelines.operations.score import score as operation
    from pipelines.views.flows import show_score

    report = invocation.run(operation, model, utc(at), force=force)
    invocation.present(report, lambda report, console: show_score(report, console, top))
