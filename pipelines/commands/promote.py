"""`nodeward promote`: chooses the model that scores go by."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.flattening import flattened
from pipelines.options import Shared

Version = Annotated[str, typer.Argument(metavar="[MODEL]", help="Alias or version of the registered model.")]


@flattened
def promote(shared: Shared, model: Version = "challenger") -> None:
    """Make a registered model the champion: the one that scores and decisions go by."""
    invocation = shared.invoke()
    from pipelines import wiring
    from pipelines.promote import choose

    promoted = choose(wiring.registry(invocation.settings), model)
    invocation.present(promoted, lambda found, console: console.print(found.in_words, soft_wrap=True))
