"""What each command does: reads its options, runs the flow or the report behind it, and shows the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipelines.options import DEFAULT_CONFIG, Config

if TYPE_CHECKING:
    from collections.abc import Callable

Force = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]


def init(config: Config = DEFAULT_CONFIG, *, force: Force = False) -> None:
    """Write a commented settings file with every key at its default."""
    from pipelines.settings_template import write_template

    write_template(config, force=force)
    typer.echo(f"wrote {config}; set source.path in it, then run: nodeward check --config {config}")


ALL: Final[tuple[Callable[..., object], ...]] = (init,)
