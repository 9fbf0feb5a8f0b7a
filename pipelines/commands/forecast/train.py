"""`nodeward train` and `promote`: make a model, and choose the one that scores go by."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared
from pipelines.commands.times import Until, utc

Model = Annotated[str, typer.Argument(metavar="[MODEL]", help="Alias or version of the registered model.")]


@flattened
def train(shared: Shared, until: Until = None) -> None:
    """Train a model on what the state holds, and register it as the challenger."""
    invocation = shared.invoke()
    from pipelines.operations.train import train as work
    from pipelines.views.flows import show_train

    invocation.present(invocation.run(work, utc(until)), show_train)


@flattened
def promote(shared: Shared, model: Model = "challenger") -> None:
    """Make a registered model the champion: the one that scores and decisions go by."""
    invocation = shared.invoke()
    from pipelines.operations.promote import promote as work

    promoted = work(invocation.settings, model)
    invocation.present(promoted, lambda report, console: console.print(report.in_words, soft_wrap=True))
