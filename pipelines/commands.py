"""What each command does: reads its options, runs the flow or the report behind it, and shows the result."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pipelines.options import DEFAULT_CONFIG, Config, Json, Overrides, Verbose, invoke
from pipelines.output import check_target, whole_file

if TYPE_CHECKING:
    from collections.abc import Callable

DATES: Final = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")]


def init(config: Config = DEFAULT_CONFIG, *, force: Force = False) -> None:
    """Write a commented settings file with every key at its default."""
    from pipelines.settings_template import write_template

    write_template(config, force=force)
    typer.echo(f"wrote {config}; set source.path in it, then run: nodeward check --config {config}")


def check(
    ctx: typer.Context,
    config: Config = DEFAULT_CONFIG,
    overrides: Overrides = None,
    json: Json = None,
    *,
    verbose: Verbose = False,
) -> None:
    """Try everything that the settings name, and say what the failures in the records can prove."""
    invocation = invoke(ctx, config, overrides, json, verbose=verbose)
    from pipelines.check import check as try_everything
    from pipelines.settings import variable
    from pipelines.show import show_check

    report = try_everything(invocation.settings, variable("PREFECT_API_URL"))
    invocation.present(report, show_check)
    if report.first_error:
        raise report.first_error


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


def status(
    ctx: typer.Context,
    config: Config = DEFAULT_CONFIG,
    overrides: Overrides = None,
    json: Json = None,
    *,
    verbose: Verbose = False,
) -> None:
    """Sum up what the state holds: tables, failures, models, scores and decisions."""
    invocation = invoke(ctx, config, overrides, json, verbose=verbose)
    from pipelines.show import show_status
    from pipelines.status import status as look

    invocation.present(look(invocation.settings), show_status)


TestStart = Annotated[
    datetime,
    typer.Option(
        "--test-start",
        formats=DATES,
        metavar="DATE",
        help="Train on what was known then (UTC); forecast from there on.",
    ),
]
TestEnd = Annotated[
    datetime | None,
    typer.Option(
        "--test-end", formats=DATES, metavar="DATE", help="Judge up to then; default: the end of the records."
    ),
]
Scores = Annotated[
    Path | None, typer.Option("--scores", metavar="FILE", help="Write every probability as Parquet as well.")
]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the private state folder.")]


def backtest(
    ctx: typer.Context,
    test_start: TestStart,
    test_end: TestEnd = None,
    config: Config = DEFAULT_CONFIG,
    overrides: Overrides = None,
    json: Json = None,
    scores: Scores = None,
    *,
    keep: Keep = False,
    verbose: Verbose = False,
) -> None:
    """Replay the past: train at a time, forecast what came after, and judge it beside simple baselines."""
    invocation = invoke(ctx, config, overrides, json, verbose=verbose)
    check_target(scores, "--scores")
    from pipelines import backtest_report
    from pipelines.backtest import run
    from pipelines.show_backtest import show_backtest

    found = run(invocation.settings, _in_utc(test_start), _utc(test_end), keep=keep)
    if scores:
        with whole_file(scores) as part:
            backtest_report.write_scores(found, part)
    invocation.present(backtest_report.to_json(found), lambda _, console: show_backtest(found, console))


Until = Annotated[
    datetime | None,
    typer.Option("--until", formats=DATES, metavar="DATE", help="Train on what was known then (UTC); default: now."),
]
At = Annotated[
    datetime | None, typer.Option("--at", formats=DATES, metavar="DATE", help="As of then (UTC); default: now.")
]
Model = Annotated[str, typer.Option("--model", metavar="NAME", help="Alias or version of the registered model.")]


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

        report = train_model(*invocation.parameters, _utc(until))
    from pipelines.show import show_train

    invocation.present(report, show_train)


def score(
    ctx: typer.Context,
    model: Model = "champion",
    at: At = None,
    config: Config = DEFAULT_CONFIG,
    overrides: Overrides = None,
    json: Json = None,
    *,
    verbose: Verbose = False,
) -> None:
    """Score every node, and publish the scores."""
    invocation = invoke(ctx, config, overrides, json, verbose=verbose)
    with invocation.flows():
        from pipelines.score import score_fleet

        report = score_fleet(*invocation.parameters, model, _utc(at))
    from pipelines.show import show_score

    invocation.present(report, show_score)


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

        report = decide_drains(*invocation.parameters, _utc(at))
    from pipelines.show import show_decide

    invocation.present(report, show_decide)


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else _in_utc(moment)


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


ALL: Final[tuple[Callable[..., object], ...]] = (init, check, ingest, train, backtest, score, decide, status)
