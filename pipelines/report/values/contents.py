"""Collects everything that the report shows, while the records behind it can still be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.report.values.current_scores import CurrentScores, replayed_scores
from pipelines.report.values.horizon import HorizonStudy, study_horizon
from pipelines.report.values.mistakes import Mistake, MistakeReview
from pipelines.report.values.node_timelines import Timelines, node_timelines

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from data.view import View
    from models.backtest.result import Backtest
    from pipelines.settings.schema import Settings

SIMULATED: Final = "simulat"  # in 'simulated', 'simulator' and 'simulation'


@dataclass(frozen=True, slots=True)
class LiveState:
    """What a running installation adds to a replay: its published scores, and the versions of the tables read."""

    scores: CurrentScores | None
    table_versions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Contents:
    """A backtest, a study of each horizon, and details of the main one, which is nearest to the policy's."""

    backtest: Backtest
    made_at: datetime
    is_simulated: bool
    nodes: int
    studies: tuple[HorizonStudy, ...]
    main: HorizonStudy
    timelines: Timelines
    misses: tuple[Mistake, ...]
    false_alarms: tuple[Mistake, ...]
    scores: CurrentScores | None
    table_versions: Mapping[str, int]
    settings: Settings


def gather_contents(
    backtest: Backtest, hindsight: View, settings: Settings, made_at: datetime, live: LiveState | None = None
) -> Contents:
    """Study every horizon, and collect the details of the main one.

    Without published scores, the last forecast of the replay shows how the fleet is doing.
    """
    studies = tuple(study_horizon(backtest, hindsight, horizon) for horizon in backtest.evaluations)
    evaluated = [study for study in studies if backtest.replay.is_judged(study.horizon).any()] or studies
    main = min(evaluated, key=lambda study: abs(study.horizon - settings.policy.horizon))
    replay = backtest.replay
    review = MistakeReview.of(main, replay, hindsight, np.random.default_rng(settings.model.random_seed))
    return Contents(
        backtest,
        made_at,
        is_simulated(settings.fleet.name, hindsight),
        len(np.unique(replay.rows.node)),
        studies,
        main,
        node_timelines(main.history, hindsight, replay.window, main.horizon),
        review.misses(),
        review.false_alarms(),
        (live.scores if live else None) or replayed_scores(replay, hindsight, main.horizon, review.peers),
        live.table_versions if live else {},
        settings,
    )


def is_simulated(fleet: str, hindsight: View) -> bool:
    """Return whether the fleet's name, or the source of any record, contains 'simulated'."""
    sources = hindsight.events()["source"].drop_nulls().unique().to_list()
    return any(SIMULATED in name.lower() for name in (fleet, *sources))
