"""`nodeward train` and `promote`: train a model, and choose the one that scores and decisions use."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared
from pipelines.commands.times import Until, utc

Model = Annotated[str, typer.Argument(metavar="[MODEL]", help="Alias or version of the registered model.")]


@flattened
def train(shared: Shared, until: Until = None) -> None:
    """Train a model on the records in the state, and register it as the challenger."""
    invocation = shared.invoke()
    from pipelines.operations.train import train as operation
    from pipelines.views.flows import show_train

    invocation.present(invocation.run(operation, utc(until)), show_train)


@flattened
def promote(shared: Shared, model: Model = "challenger") -> None:
    """Make a registered model the champion: the one that scores and decisions use."""
    invocation = shared.invoke()
    from pipelines.operations.promote import promote as operation

    promoted = operation(invocation.settings, model)
    invocation.present(promoted, lambda report, console: console.print(report.summary, soft_wrap=True))
