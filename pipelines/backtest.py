"""Runs a backtest from a source's files to the judgement, in a private state folder."""

from __future__ import annotations

import resource
import shutil
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.errors import SettingsError, TooLittleDataError
from data.ingest.ingest import ingest
from features.grid import Grid, to_numpy
from models import backtest
from models.backtest import Replay, Window, judge_cases
from models.bench import set_up
from models.causes.judging import judge
from models.evaluate import Evaluation, evaluate
from models.resample import Resampler, draw_resampler
from models.slicing import Slicing, slice_up
from models.slicing_sums import Seen
from pipelines import wiring
from pipelines.backtest_report import MODEL
from pipelines.moments import newest_record
from pipelines.progress import bars
from pipelines.reading import ingest_options
from pipelines.setup import everything, setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from data.view import View
    from models.cases import Cases
    from models.causes.judging import CauseFigures
    from models.training import Setup
    from pipelines.settings_shape import Settings

DAY = timedelta(days=1)
QUIET = 3 * DAY  # after the last event
MEGABYTE = 1024.0  # ru_maxrss counts kibibytes


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a backtest found: every model's probabilities, and their judgement by horizon."""

    dataset: str
    alarm_shares: tuple[float, ...]
    lead_hours: tuple[int, ...]  # of notice that failures are counted by as well
    replay: Replay
    evaluations: dict[float, Evaluation]
    slicings: dict[float, Slicing]  # of the model, at the share that people are shown
    resampler: Resampler  # of the evaluations: what is judged by it is paired with them
    dropped: int  # rows of the shortest horizon whose label can't be told
    failures: int  # that start in the window
    seconds: float
    peak_rss_mb: float
    kept: Path | None  # the private state folder, if it is still there
    notices: tuple[str, ...] = ()

    def causes_at(self, horizon_days: float) -> CauseFigures | None:
        """Judge what was said of the causes of failures within a horizon; None if nothing was."""
        told = self.replay.causes_at(horizon_days)
        return judge(told, self.resampler) if told is not None else None

    @property
    def middle_share(self) -> float:
        """Give the alarm share that people are shown."""
        return middle(self.alarm_shares)


def middle(shares: tuple[float, ...]) -> float:
    """Give the share in the middle, or the one after it."""
    return shares[len(shares) // 2]


def run(
    settings: Settings,
    start: datetime,
    end: datetime | None,
    *,
    keep: bool,
    look: Callable[[Backtest, View], None] | None = None,
) -> Backtest:
    """Ingest the source into a folder of its own, train at `start`, and judge forecasts up to `end`.

    Without `end`: the last midnight by which something was recorded. `look` sees the result beside the
    records, before their folder goes.
    """
    began = time.monotonic()
    _require_order(start, end)
    with _private(settings, keep=keep) as own, wiring.records(own) as database, bars() as progress:
        store = wiring.store(own)
        ingest(wiring.source(own), store, database, wiring.wall_clock, ingest_options(own, progress))
        hindsight = everything(store, database)
        newest = _newest(hindsight, newest_record(store, database))
        _require_recorded(end, newest)
        window = Window(start, end or last_midnight(hindsight))
        told = replay(own, hindsight, setup(own, store.telemetry.metrics()), window, progress)
        notices = () if end else _unjudged(window.end, newest)
        kept = own.state.path if keep else None
        found = replace(told, seconds=time.monotonic() - began, kept=kept, notices=notices)
        if look:
            look(found, hindsight)
    return found


def replay(
    settings: Settings, hindsight: View, told: Setup, window: Window, progress: Callable[[str, int, int], None]
) -> Backtest:
    """Train at the window's start, forecast to its end, and judge that."""
    began = time.monotonic()
    _require_whole_days(settings)
    if told.metrics:
        Grid.clock(hindsight.width).position(np.array([to_numpy(window.start)]))  # refuses a start between buckets
    replayed = backtest.run(hindsight, window, told, lambda stage: progress(stage, 0, 0))
    rng = np.random.default_rng(settings.model.random_seed)
    resampler = draw_resampler(replayed.rows.names, to_numpy(window.start), to_numpy(window.end), rng)
    evaluations = _judge(replayed, hindsight, settings, resampler, progress)
    slicings = _slice(replayed, hindsight, middle(settings.forecast.alarm_shares), resampler, progress)
    first = judge_cases(replayed, hindsight, told.design.horizons_days[0])
    return Backtest(
        settings.fleet.name,
        settings.forecast.alarm_shares,
        settings.forecast.lead_hours,
        replayed,
        evaluations,
        slicings,
        resampler,
        int(np.count_nonzero(~first.is_kept)),
        _failures(first, window),
        time.monotonic() - began,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEGABYTE,
        None,
    )


def last_midnight(hindsight: View) -> datetime:
    """Give the last midnight (UTC) by which something was recorded.

    Raises:
        TooLittleDataError: if there is no event yet.
    """
    newest = hindsight.events()["recorded_at"].max()
    if not isinstance(newest, datetime):
        raise TooLittleDataError("the records hold no event yet", mend="replay them once failures were recorded")
    return newest.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _newest(hindsight: View, record: datetime | None) -> datetime | None:
    """Give the time of the newest record of any kind."""
    event = hindsight.events()["recorded_at"].max()
    return max((one for one in (event, record) if isinstance(one, datetime)), default=None)


def _require_recorded(end: datetime | None, newest: datetime | None) -> None:
    """Refuse to take days of which nothing is recorded for days without a failure."""
    if end and newest and end - newest >= DAY:
        raise SettingsError(
            f"--test-end {end:%Y-%m-%d} comes after {newest:%Y-%m-%d}, where the records end",
            mend="choose an earlier end, or leave it out",
        )


def _unjudged(end: datetime, newest: datetime | None) -> tuple[str, ...]:
    """Say so if the records go on after the last event: the quiet days there had alarms too."""
    if newest is None or newest - end <= QUIET:
        return ()
    told = (
        f"no event was recorded after {end:%Y-%m-%d}, and the records go on until {newest:%Y-%m-%d}: judged without "
        f"those {(newest - end).days} quiet days; --test-end {newest:%Y-%m-%d} judges them as well"
    )
    return (told,)


def _failures(cases: Cases, window: Window) -> int:
    start = cases.failure_start
    return int(np.count_nonzero((start > to_numpy(window.start)) & (start <= to_numpy(window.end))))


def _require_whole_days(settings: Settings) -> None:
    for days in settings.forecast.horizons_days:
        if days != int(days):
            raise SettingsError(
                f"forecast.horizons_days holds {days:g}: backtests are judged over whole days",
                mend="backtest with whole days: --set forecast.horizons_days=[1,7]",
            )


def _require_order(start: datetime, end: datetime | None) -> None:
    if end is not None and end <= start:
        raise SettingsError(
            f"--test-end {end:%Y-%m-%d} does not come after --test-start {start:%Y-%m-%d}",
            mend="give a later --test-end, or an earlier --test-start",
        )


@contextmanager
def _private(settings: Settings, *, keep: bool) -> Iterator[Settings]:
    """Give the settings with a state folder of their own, which goes at the end unless it is kept."""
    folder = Path(tempfile.mkdtemp(prefix="backtest-", dir=wiring.state_folder(settings)))
    try:
        yield settings.model_copy(update={"state": settings.state.model_copy(update={"path": folder, "url": ""})})
    finally:
        if not keep:
            shutil.rmtree(folder)


def _judge(
    replayed: Replay,
    hindsight: View,
    settings: Settings,
    resampler: Resampler,
    progress: Callable[[str, int, int], None],
) -> dict[float, Evaluation]:
    horizons, forecast = replayed.setup.design.horizons_days, settings.forecast
    told: dict[float, Evaluation] = {}
    for done, horizon in enumerate(horizons):
        progress("judging", done, len(horizons))
        _, probabilities = replayed.at(horizon)
        cases = judge_cases(replayed, hindsight, horizon)
        told[horizon] = evaluate(cases, probabilities, forecast.alarm_shares, resampler, forecast.lead_hours)
    return told


def _slice(
    replayed: Replay,
    hindsight: View,
    share: float,
    resampler: Resampler,
    progress: Callable[[str, int, int], None],
) -> dict[float, Slicing]:
    horizons = replayed.setup.design.horizons_days
    told: dict[float, Slicing] = {}
    for done, horizon in enumerate(horizons):
        progress("slicing", done, len(horizons))
        _, probabilities = replayed.at(horizon)
        bench = set_up(judge_cases(replayed, hindsight, horizon), resampler)
        idle = None if replayed.idle is None else replayed.idle[replayed.judged(horizon)]
        told[horizon] = slice_up(Seen.of(bench, probabilities[MODEL], share), hindsight, idle)
    return told
