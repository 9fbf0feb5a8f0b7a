"""`nodeward tune`: searches for better settings of the model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from pipelines.commands.dataclass_options import flattened
from pipelines.commands.options import Shared
from pipelines.commands.times import DATES, utc

MINUTES = 10.0

Until = Annotated[
    datetime | None,
    typer.Option("--until", formats=DATES, metavar="DATE", help="Use what was known then (UTC); default: now."),
]
Minutes = Annotated[
    float | None,
    typer.Option(
        "--minutes", metavar="N", min=0, help="Stop after about this long; default: 10, or no limit with --trials."
    ),
]
Trials = Annotated[
    int | None,
    typer.Option("--trials", metavar="N", min=1, help="Stop after this many; today's settings are the first."),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Search in another order.")]


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How long to search, and in which order."""

    minutes: Minutes = None
    trials: Trials = None
    seed: Seed = 1


@flattened
def tune(search: SearchOptions, shared: Shared, until: Until = None) -> None:
    """Search for better settings of the model, and recommend them only if newer failures confirm them."""
    invocation = shared.invoke()
    from pipelines.analysis.tune import SearchLimits, track
    from pipelines.analysis.tune import search as search_settings
    from pipelines.views.tune import show_tune

    minutes = MINUTES if search.minutes is None and search.trials is None else search.minutes
    report = search_settings(invocation.settings, utc(until), SearchLimits(minutes, search.trials, search.seed))
    invocation.present(report, show_tune)
    track(invocation.settings, report)
