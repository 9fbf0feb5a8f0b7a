"""The evaluation against the protocol's reference implementation, on a real fleet and on made-up folders."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from data.time_grid import DAY, HOUR
from models.evaluation.evaluate import AlarmBudgets, evaluate
from models.metrics.bootstrap import draw_resampler
from tests.models.reference import SHARED, ReferenceRows, Setting, cases_of, judge, judged, reference_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

START = datetime(2021, 7, 1, tzinfo=UTC)
M100 = Setting(SHARED / "datasets" / "m100", START, START + 45 * DAY, coverage="boot_n")
LANL_START = datetime(2003, 3, 1, tzinfo=UTC)
LANL = Setting(SHARED / "datasets" / "lanl", LANL_START, LANL_START + 3 * DAY, HOUR, 6 * HOUR)
NOT_OF_CASES = ("at_risk", "unknown")  # rows before any is dropped, and nodes that have no row


def differences(report: Any, reference: Any, where: str = "") -> list[str]:  # noqa: ANN401  - JSON
    """List where figures differ by over 1e-9, slopes by over 1e-6; the reference's not-a-number is null here."""
    if isinstance(reference, dict):
        names = [name for name in reference if name not in NOT_OF_CASES]
        lines = [line for name in names for line in differences(report[name], reference[name], f"{where}/{name}")]
        if "at_risk" in reference:
            rows = report["rows"] + report["unknown_or_dropped"]
            lines += differences(rows, reference["at_risk"], f"{where}/rows and unknown_or_dropped")
        return lines
    if isinstance(reference, list):
        pairs = enumerate(zip(report, reference, strict=True))
        return [line for i, pair in pairs for line in differences(*pair, f"{where}/{i}")]
    value = report["value"] if isinstance(report, dict) else report
    expected = reference if isinstance(reference, int | float) and np.isfinite(reference) else None
    most = 1e-6 if where.endswith("/slope") else 1e-9
    is_same = value is None if expected is None else value is not None and abs(value - expected) <= most
    return [] if is_same else [f"{where}: {value}, reference {expected}"]


def report_of(setting: Setting, rows: ReferenceRows, scores: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    cases = cases_of(setting, rows)
    last = cases.times[-1] + cases.horizon_step
    resampler = draw_resampler(cases.names, cases.times[0], last, np.random.default_rng(0), 20)
    return evaluate(cases, scores, AlarmBudgets(setting.shares, setting.rates), resampler).to_json()


def fleet_scores(setting: Setting, rows: pd.DataFrame, seed: int) -> dict[str, NDArray[np.float64]]:
    """Score a fleet at random, by a constant, by a tying count of past failures, and by a noisy logit of it."""
    rng = np.random.default_rng(seed)
    events = judge.load(setting.folder, "events")
    is_past = (events.kind == "failure") & (events.recorded_at <= judge.us([setting.start])[0])
    count = rows.node.map(events[is_past].groupby("node").size()).fillna(0).to_numpy(dtype=np.float64)
    return {
        "random": rng.random(len(rows)),
        "base_rate": np.full(len(rows), 0.0073),
        "rule": count / (count + 100.0),
        "model": 1 / (1 + np.exp(5.5 - 0.8 * np.log1p(count) - rng.normal(0, 0.5, len(rows)))),
    }


@pytest.mark.parametrize("setting", [M100, LANL], ids=["m100 daily", "lanl hourly"])
def test_the_figures_of_a_real_fleet_are_the_references(setting: Setting) -> None:
    rows = reference_rows(setting)
    scores = fleet_scores(setting, rows.table, seed=1)
    report = report_of(setting, rows, scores)
    assert len(rows.table) > 30_000
    assert report["model"]["budgets"][0]["failures"] > 20
    assert report["model"]["episode_budgets"][1]["episodes"] > 20
    assert report["model"]["dropped_probation"] > 20
    assert differences(report, judged(setting, rows, scores)) == []


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often a made-up folder is scored, how far ahead, and when two failures are one."""

    every: timedelta
    steps_ahead: int
    repeat_steps: float | None = None  # None: what the protocol sets

    @property
    def unit(self) -> timedelta:
        """A twenty-fourth of a step, in which the times of the records are drawn."""
        return self.every / 24


CADENCES = (
    Cadence(timedelta(minutes=5), 1),
    Cadence(timedelta(minutes=5), 12, 3),
    Cadence(timedelta(hours=1), 1),
    Cadence(timedelta(hours=1), 6),
    Cadence(timedelta(hours=1), 24, 0.5),
    Cadence(timedelta(days=1), 1, 2),
    Cadence(timedelta(days=1), 7),
    Cadence(timedelta(days=3), 2),
)


@dataclass(frozen=True, slots=True)
class Folder:
    """The records of a made-up folder, times in units after its start."""

    cadence: Cadence
    nodes: tuple[tuple[str, int | None], ...]  # name, and when it leaves
    events: tuple[tuple[str, str, int, int | None], ...]  # node, kind, start, duration
    blind: tuple[tuple[int, int], ...]  # start, duration

    def write(self, path: Path) -> Setting:
        cadence = self.cadence
        pd.DataFrame(
            {
                "node": [name for name, _ in self.nodes],
                "observed_from": START - 30 * cadence.every,
                "observed_until": self._instants([leaves for _, leaves in self.nodes]),
            }
        ).to_parquet(path / "nodes.parquet")
        ends = [None if length is None else start + length for *_, start, length in self.events]
        pd.DataFrame(
            {
                "node": pd.Series([event[0] for event in self.events], dtype="str"),
                "kind": pd.Series([event[1] for event in self.events], dtype="str"),
                "start": self._instants([event[2] for event in self.events]),
                "end": self._instants(ends),
                "recorded_at": self._instants([event[2] + 5 for event in self.events]),
                "end_recorded_at": self._instants([None if end is None else end + 5 for end in ends]),
            }
        ).to_parquet(path / "events.parquet")
        pd.DataFrame(
            {
                "start": self._instants([start for start, _ in self.blind]),
                "end": self._instants([start + length for start, length in self.blind]),
            }
        ).to_parquet(path / "blind.parquet")
        return Setting(
            path,
            START,
            START + 30 * cadence.every,
            cadence.every,
            cadence.steps_ahead * cadence.every,
            repeat=None if cadence.repeat_steps is None else cadence.repeat_steps * cadence.every,
            shares=(0.005, 0.2, 1.0),
            rates=tuple(alarms / (cadence.every / DAY) for alarms in (0.02, 0.1, 0.7, 3)),
        )

    def _instants(self, units: Sequence[int | None]) -> pd.Series:
        times = [None if unit is None else START + unit * self.cadence.unit for unit in units]
        return pd.Series(pd.to_datetime(pd.Series(times, dtype="object"), utc=True)).astype("datetime64[us, UTC]")


NAMES = ("n1", "n10", "n2", "N2", "été", "n-3")
UNITS = st.integers(-100, 24 * 32)
LONG_AGO = ("n1", "failure", -500, 1)  # the reference needs one failure, but not in the window
EVENTS = st.tuples(
    st.sampled_from([*NAMES, "ghost"]),
    st.sampled_from(["failure", "failure", "maintenance", "other"]),
    UNITS,
    st.sampled_from([0, 0, 1, 30, 80, None]),
)


@st.composite
def folders(draw: st.DrawFn) -> Folder:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    return Folder(
        cadence=draw(st.sampled_from(CADENCES)),
        nodes=tuple((name, draw(st.one_of(st.none(), UNITS))) for name in names),
        events=(LONG_AGO, *draw(st.lists(EVENTS, min_size=draw(st.sampled_from([0, 20])), max_size=40))),
        blind=tuple(draw(st.lists(st.tuples(UNITS, st.integers(1, 120)), max_size=3))),
    )


@settings(max_examples=40, deadline=None)
@given(folders(), st.integers(0, 1000), st.sampled_from([1, 4, 10_000]))
def test_the_figures_of_any_folder_are_the_references(folder: Folder, seed: int, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as path:
        setting = folder.write(Path(path))
        rows = reference_rows(setting)
        kept, count = rows.table.y.dropna(), len(rows.table)
        assume(count)  # the reference takes no empty table of scores
        scores = {"base_rate": np.full(count, 0.1), "model": rng.integers(1, distinct + 1, count) / 10_001}
        report = report_of(setting, rows, scores)
        assert differences(report, judged(setting, rows, scores)) == []
        for budget in (report["model"]["budgets"][0], report["model"]["episode_budgets"][0]):
            if not budget["failures"]:
                assert budget["caught_share"]["value"] is None
        if kept.empty or kept.min() == kept.max():
            assert report["model"]["roc_auc"]["value"] is None
