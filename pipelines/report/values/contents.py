"""Everything that the report shows, gathered from a replay while its records can still be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from pipelines.report.values.current_scores import Standing, forecast
from pipelines.report.values.horizon import Study, study
from pipelines.report.values.mistakes import Closeup, Scene
from pipelines.report.values.node_timelines import Lanes, lanes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from data.view import View
    from models.backtest.result import Backtest
    from pipelines.settings.schema import Settings

SIMULATED: Final = "simulat"  # 'simulated', 'simulator' and 'simulation' all hold it


@dataclass(frozen=True, slots=True)
class Live:
    """What a running installation adds to a replay: its published scores, and the tables that were read."""

    standing: Standing | None
    tables: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Contents:
    """The replay, a study of each horizon, and close looks at the headline's."""

    found: Backtest
    made_at: datetime
    is_simulated: bool
    nodes: int
    studies: tuple[Study, ...]
    headline: Study
    lanes: Lanes
    misses: tuple[Closeup, ...]
    false_alarms: tuple[Closeup, ...]
    standing: Standing | None
    tables: Mapping[str, int]  # versions of the tables that were read
    settings: Settings


def gather(
    found: Backtest, hindsight: View, settings: Settings, made_at: datetime, live: Live | None = None
) -> Contents:
    """Study every horizon, and look closely at the one nearest to the policy's.

    Without published scores, the replay's last forecast tells how the fleet stands.
    """
    studies = tuple(study(found, hindsight, days) for days in found.evaluations)
    judged = [one for one in studies if found.replay.is_judged(one.horizon_days).any()] or studies
    headline = min(judged, key=lambda one: abs(one.horizon_days - settings.policy.horizon_days))
    replay, step = found.replay, timedelta(days=found.replay.setup.design.every_days)
    scene = Scene.of(headline, replay, hindsight, np.random.default_rng(settings.model.random_seed))
    return Contents(
        found,
        made_at,
        is_simulated(settings.fleet.name, hindsight),
        len(np.unique(replay.rows.node)),
        studies,
        headline,
        lanes(headline.story, hindsight, replay.window, step),
        scene.misses(),
        scene.false_alarms(),
        (live.standing if live else None) or forecast(replay, hindsight, headline.horizon_days, scene.peers),
        live.tables if live else {},
        settings,
    )


def is_simulated(fleet: str, hindsight: View) -> bool:
    """Tell whether the fleet's name, or the source of any record, says 'simulated'."""
    sources = hindsight.events()["source"].drop_nulls().unique().to_list()
    return any(SIMULATED in name.lower() for name in (fleet, *sources))
