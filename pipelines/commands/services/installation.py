"""`nodeward init`, `check` and `status`: set up an installation and inspect it."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import DEFAULT_CONFIG, Config, Shared

Force = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]


def init(config: Config = DEFAULT_CONFIG, *, force: Force = False) -> None:
    """Write a commented settings file with every key at its default."""
    from pipelines.settings.template import write_template

    write_template(config, force=force)
    typer.echo(f"wrote {config}; set source.path in it, then run: nodeward check --config {config}")


@flattened
def check(shared: Shared) -> None:
    """Try everything that the settings name, and show what the failures in the records can prove."""
    invocation = shared.invoke()
    from pipelines.analysis.check import check as check_all
    from pipelines.settings.environment import PREFECT_API_URL, variable
    from pipelines.views.check import show_check

    report = check_all(invocation.settings, variable(PREFECT_API_URL))
    invocation.present(report, show_check)
    if report.first_error:
        raise report.first_error


@flattened
def status(shared: Shared) -> None:
    """Summarize the state: tables, failures, models, scores and decisions."""
    invocation = shared.invoke()
    from pipelines.operations.status import status as summarize
    from pipelines.views.status import show_status

    invocation.present(summarize(invocation.settings), show_status)
