"""The options that commands share, and how they lead to settings, flows, output files and logs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Concatenate, Final, ParamSpec, TypeVar

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from pipelines.settings.schema import Settings

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_CONFIG: Final = Path("nodeward.toml")

Config = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="Settings file; `nodeward init` writes one.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="KEY=VALUE", help="Override a setting: --set policy.horizon=3d."),
]
Json = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON as well; '-' prints it.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show what the libraries log.")]


@dataclass(slots=True)
class Session:
    """What the outermost error handler knows of the command that ran: its state folder, once settings were read."""

    state: Path | None = None


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command's settings, and how to read them again inside a flow."""

    config: Path
    overrides: tuple[str, ...]
    settings: Settings
    json: Path | None = None
    verbose: bool = False

    def run(self, operation: Callable[Concatenate[Settings, P], R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call an operation, with retries; as the flow of its name where PREFECT_API_URL names a Prefect server."""
        from pipelines.settings.environment import PREFECT_API_URL, variable
        from pipelines.wiring.retries import with_retries

        if not variable(PREFECT_API_URL):
            return with_retries(lambda: operation(self.settings, *args, **kwargs))
        from pipelines.flows.server import on_server
        from pipelines.wiring.wiring import state_folder

        with on_server(state_folder(self.settings), verbose=self.verbose):
            from pipelines.flows import scheduled

            flow: Callable[..., R] = getattr(scheduled, operation.__name__)
            return flow(str(self.config), list(self.overrides), *args, **kwargs)

    def present(self, result: R, show: Callable[[R, Console], None]) -> None:
        """Write the result as JSON if requested, and show it, unless the JSON went to standard output."""
        from rich.console import Console

        from data.disk.atomic_write import STDOUT
        from pipelines.output.json_files import write_json

        if self.json is not None:
            write_json(self.json, result)
        if self.json != STDOUT:
            show(result, Console())


@dataclass(frozen=True, slots=True)
class Shared:
    """The options of every command that reads settings."""

    ctx: typer.Context
    config: Config = DEFAULT_CONFIG
    overrides: Overrides = None
    json: Json = None
    verbose: Verbose = False

    def invoke(self) -> Invocation:
        """Read the settings and check the output file, before any work is done."""
        from data.disk.atomic_write import check_output_file
        from pipelines.settings.load import load

        settings = load(self.config, self.overrides or ())
        session = self.ctx.find_object(Session)
        if session is not None:
            session.state = settings.state.path
        check_output_file(self.json, "--json")
        prepare(verbose=self.verbose)
        return Invocation(self.config, tuple(self.overrides or ()), settings, self.json, self.verbose)


def prepare(*, verbose: bool) -> None:
    """Send the logs of libraries to standard error, all or only errors, and let their idle threads sleep soon."""
    import logging

    from pipelines.settings.environment import THREAD_DEFAULTS, set_default_variables

    set_default_variables(THREAD_DEFAULTS)
    level = logging.INFO if verbose else logging.ERROR
    handler = logging.StreamHandler()
    handler.setLevel(level)  # Prefect resets the root logger's own level
    logging.basicConfig(level=level, format="%(asctime)s %(name)s: %(message)s", handlers=[handler])
