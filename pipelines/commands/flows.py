"""Commands that run one flow each, and show what it did."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.times import At, Until, utc
from pipelines.options import DEFAULT_CONFIG, Config, Json, Overrides, Verbose, invoke

Force = Annotated[bool, typer.Option("--force", help="Publish, even in the place of scores of a later time.")]
Model = Annotated[str, typer.Option("--model", metavar="NAME", help="Alias or version of the registered model.")]
Top = Annotated[int, typer.Option("--top", metavar="N", min=0, help="Show so many of the riskiest nodes.")]


def ingest(
    ctx: typer.Context,
    config: Config = DEFAULT_CONFIG,
    overrides: Overrides = None,
    json: Json = None,
    *,
    verbose: Verbose = False,
) -> None:
    """Bring the source's records into the state; what is there already changes nothing."""
    invocation = invoke(ctx, config, overrides, json, verbose=verbose)
    with invocation.flows():
        from pipelines.ingest import ingest as flow

        report = flow(*invocation.parameters)
    from pipelines.show import show_ingest

    invocation.present(report, show_ingest)


def train(
    ctx: typer.Context,
    until: Until = None,
    config: Config = DEFAULT_CONFIG,
    overrides: Overrides = None,
    json: Json = None,
    *,
    verbose: Verbose = False,
) -> None:
    """Train a model on what the state holds, and register it as the challenger."""
    invocation = invoke(ctx, config, overrides, json, verbose=verbose)
    with invocation.flows():
        from pipelines.train import train_model

        report = train_model(*invocation.parameters, utc(until))
    from pipelines.show import show_train

    invocation.present(report, show_train)


def score(
    ctx: typer.Context,
    model: Model = "champion",
    at: At = None,
    top: Top = 10,
    config: Config = DEFAULT_CONFIG,
    overrides: Overrides = None,
    json: Json = None,
    *,
    force: Force = False,
    verbose: Verbose = False,
) -> None:
    """Score every node, and publish the scores."""
    invocation = invoke(ctx, config, overrides, json, verbose=verbose)
    with invocation.flows():
        from pipelines.score import score_fleet

        report = score_fleet(*invocation.parameters, model, utc(at), force=force)
    from pipelines.show import show_score

    invocation.present(report, lambda found, console: show_score(found, console, top))


def decide(
    ctx: typer.Context,
    at: At = None,
    config: Config = DEFAULT_CONFIG,
    overrides: Overrides = None,
    json: Json = None,
    *,
    verbose: Verbose = False,
) -> None:
    """List what should be drained, why, and what a limit holds back. A dry run: no node is touched."""
    invocation = invoke(ctx, config, overrides, json, verbose=verbose)
    with invocation.flows():
        from pipelines.decide import decide_drains

        report = decide_drains(*invocation.parameters, utc(at))
    from pipelines.show import show_decide

    invocation.present(report, show_decide)
