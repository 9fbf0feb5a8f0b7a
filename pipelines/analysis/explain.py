"""Reads why nodes had their scores, now or at an earlier time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from data.errors import EmptyTableError
from data.schema import NODE, SCORE_SCHEMA, TS
from data.time_grid import HOUR
from pipelines.wiring import wiring
from serving.explanation.reason import from_json

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from pipelines.settings.schema import Settings
    from serving.explanation.reason import Reason


@dataclass(frozen=True, slots=True)
class Explanation:
    """A node's probability within the longest horizon, as of `ts`, and the reasons for it, the strongest first."""

    node: str
    ts: datetime
    model_version: str
    horizon: timedelta
    probability: float | None  # None: unknown
    reasons: tuple[Reason, ...]


def explain(settings: Settings, node: str | None = None, at: datetime | None = None) -> tuple[Explanation, ...]:
    """Return the reasons of the published scores, or of the last scores that were made as of a time or before it.

    Returns:
        The riskiest node first; only one node if it is named.

    Raises:
        EmptyTableError: if there are no such scores.
    """
    every_score = _published(settings) if at is None else _last_stored(settings, at)
    scores = every_score if node is None else every_score.filter(pl.col(NODE) == node)
    if scores.is_empty():
        raise _no_scores(every_score[NODE], node, at)
    is_longest = pl.col("horizon_hours") == pl.col("horizon_hours").max().over(NODE, "model_version")
    riskiest_first = scores.filter(is_longest).sort(
        "probability", NODE, "model_version", descending=[True, False, False], nulls_last=True
    )
    return tuple(
        Explanation(
            **{name: row[name] for name in (NODE, TS, "model_version", "probability")},
            horizon=row["horizon_hours"] * HOUR,
            reasons=from_json(row["reasons"]),
        )
        for row in riskiest_first.iter_rows(named=True)
    )


def _no_scores(scored: pl.Series, node: str | None, at: datetime | None) -> EmptyTableError:
    """Build the error that names what was looked for, and nodes that have scores if there are any."""
    of_node = "" if node is None else f" of {node!r}"
    when = "" if at is None else f" as of {at:%Y-%m-%d %H:%M} UTC or before"
    examples = ", ".join(scored.unique().sort().head(3))
    fix = f"name a node that has scores, such as {examples}" if examples else "run `nodeward score` first"
    return EmptyTableError("the state", f"holds no scores{of_node}{when}", fix=fix)


def _published(settings: Settings) -> pl.DataFrame:
    with wiring.records(settings) as records:
        return records.latest_scores()


def _last_stored(settings: Settings, at: datetime) -> pl.DataFrame:
    scores = wiring.store(settings).scores.table.scan()
    newest: datetime | None = scores.filter(pl.col(TS) <= at).select(pl.col(TS).max()).collect().item()
    return scores.filter(pl.col(TS) == pl.lit(newest, SCORE_SCHEMA[TS])).collect()
