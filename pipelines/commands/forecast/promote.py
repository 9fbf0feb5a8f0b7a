"""`nodeward promote`: chooses the model that scores go by."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared

Version = Annotated[str, typer.Argument(metavar="[MODEL]", help="Alias or version of the registered model.")]


@flattened
def promote(shared: Shared, model: Version = "challenger") -> None:
    """Make a registered model the champion: the one that scores and decisions go by."""
    invocation = shared.invoke()
    from pipelines.operations.promote import choose
    from pipelines.wiring import wiring

    promoted = choose(wiring.registry(invocation.settings), model)
    invocation.present(promoted, lambda found, console: console.print(found.in_words, soft_wrap=True))
