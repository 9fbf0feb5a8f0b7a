"""Commands that run one flow each, and show what it did."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared
from pipelines.commands.times import At, Until, utc

Force = Annotated[bool, typer.Option("--force", help="Publish, even in the place of scores of a later time.")]
Model = Annotated[str, typer.Option("--model", metavar="NAME", help="Alias or version of the registered model.")]
Top = Annotated[int, typer.Option("--top", metavar="N", min=0, help="Show so many of the riskiest nodes.")]


@flattened
def ingest(shared: Shared) -> None:
    """Bring the source's records into the state; what is there already changes nothing."""
    invocation = shared.invoke()
    with invocation.flows():
        from pipelines.flows.ingest import ingest as flow

        report = flow(*invocation.parameters)
    from pipelines.views.flows import show_ingest

    invocation.present(report, show_ingest)


@flattened
def train(shared: Shared, until: Until = None) -> None:
    """Train a model on what the state holds, and register it as the challenger."""
    invocation = shared.invoke()
    with invocation.flows():
        from pipelines.flows.train import train_model

        report = train_model(*invocation.parameters, utc(until))
    from pipelines.views.flows import show_train

    invocation.present(report, show_train)


@flattened
def score(shared: Shared, model: Model = "champion", at: At = None, top: Top = 10, *, force: Force = False) -> None:
    """Score every node, and publish the scores."""
    invocation = shared.invoke()
    with invocation.flows():
        from pipelines.flows.score import score_fleet

        report = score_fleet(*invocation.parameters, model, utc(at), force=force)
    from pipelines.views.flows import show_score

    invocation.present(report, lambda found, console: show_score(found, console, top))


@flattened
def decide(shared: Shared, at: At = None) -> None:
    """List what should be drained, why, and what a limit holds back. A dry run: no node is touched."""
    invocation = shared.invoke()
    with invocation.flows():
        from pipelines.flows.decide import decide_drains

        report = decide_drains(*invocation.parameters, utc(at))
    from pipelines.views.flows import show_decide

    invocation.present(report, show_decide)
