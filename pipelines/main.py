"""The command line: commands, and the one place where errors become exit codes."""

from __future__ import annotations

import gc
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines import commands
from pipelines.commands.options import Session

if TYPE_CHECKING:
    from collections.abc import Sequence


def build() -> typer.Typer:
    """Assemble the commands."""
    app = typer.Typer(
        name="nodeward",
        help="Predicts which compute nodes are about to fail, and lists those to drain first; it drains none itself.",
        epilog="Exit codes: 0 done, 1 a bug, 2 usage or settings, 3 data, 4 disk, network or a server.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_options)
    for command in commands.ALL:
        app.command()(command)
    return app


def _print_version(*, requested: bool) -> None:
    if requested:
        from importlib import metadata

        typer.echo(f"nodeward {metadata.version('nodeward')}")
        raise typer.Exit


def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Accept the options before a command; their callbacks do the work."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    session = Session()
    try:
        build()(args=arguments, prog_name="nodeward", obj=session)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - the outermost handler: a Rust panic is not an Exception
        return _report_error(error, session)
    return 0


def script() -> None:
    """Run one command in a process of its own, and end it with the command's exit code."""
    code = main()
    gc.freeze()  # the process ends: to search all that was imported for garbage once more takes a tenth of a second
    sys.exit(code)


def _report_error(error: BaseException, session: Session) -> int:
    from rich.console import Console

    from pipelines.output.command_errors import BUG, as_nodeward_error, print_error, report_bug

    console, nodeward_error = Console(stderr=True), as_nodeward_error(error)
    if nodeward_error is None:
        report_bug(error, session.state, datetime.now(UTC), console)
        return BUG
    print_error(nodeward_error, console)
    return nodeward_error.exit_code


if __name__ == "__main__":
    script()
