"""The evaluation against the protocol's reference implementation, on a real fleet and on made-up folders."""

from __future__ import annotations

import datetime as dt
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evaluation.evaluate import evaluate
from models.metrics.bootstrap import draw_resampler
from tests.models.reference import SHARED, SHARES, Setting, cases_of, judge, judged, labelled_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

START = pd.Timestamp("2021-07-01", tz="UTC")
M100 = Setting(SHARED / "datasets" / "m100", START, START + pd.Timedelta(days=45), coverage="boot_n")


def differences(report: Any, reference: Any, where: str = "") -> list[str]:  # noqa: ANN401  - JSON
    """List where figures differ by over 1e-6; the reference's not-a-number is null here."""
    if isinstance(reference, dict):
        return [line for name in reference for line in differences(report[name], reference[name], f"{where}/{name}")]
    if isinstance(reference, list):
        pairs = enumerate(zip(report, reference, strict=True))
        return [line for i, pair in pairs for line in differences(*pair, f"{where}/{i}")]
    value = report["value"] if isinstance(report, dict) else report
    expected = reference if isinstance(reference, int | float) and np.isfinite(reference) else None
    is_same = value is None if expected is None else value is not None and abs(value - expected) <= 1e-6
    return [] if is_same else [f"{where}: {value}, reference {expected}"]


def report_of(setting: Setting, rows: pd.DataFrame, scores: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    cases = cases_of(setting, rows)
    last = cases.ts.max() + cases.horizon
    resampler = draw_resampler(cases.names, cases.ts.min(), last, np.random.default_rng(0), 20)
    return evaluate(cases, scores, SHARES, resampler).to_json()


def fleet_scores(rows: pd.DataFrame, seed: int) -> dict[str, NDArray[np.float64]]:
    """Score a fleet at random, by a constant, by a tying count of past failures, and by a noisy logit of it."""
    rng = np.random.default_rng(seed)
    events = judge.load(M100.folder, "events")
    past = events[(events.kind == "failure") & (events.recorded_at <= judge.us([START])[0])].groupby("node").size()
    count = rows.node.map(past).fillna(0).to_numpy(dtype=np.float64)
    return {
        "random": rng.random(len(rows)),
        "base_rate": np.full(len(rows), 0.0073),
        "rule": count / (count + 100.0),
        "model": 1 / (1 + np.exp(5.5 - 0.8 * np.log1p(count) - rng.normal(0, 0.5, len(rows)))),
    }


def test_the_figures_of_a_real_fleet_are_the_references() -> None:
    rows = labelled_rows(M100)
    scores = fleet_scores(rows, seed=1)
    report = report_of(M100, rows, scores)
    assert len(rows) > 30_000
    assert report["model"]["budgets"][0]["failures"] > 20
    assert differences(report, judged(M100, rows, scores)) == []


@dataclass(frozen=True, slots=True)
class Folder:
    """The records of a made-up folder, times in hours after its start."""

    nodes: tuple[tuple[str, int | None], ...]  # name, and the hour in which it leaves
    events: tuple[tuple[str, str, int, int | None], ...]  # node, kind, start, duration
    blind: tuple[tuple[int, int], ...]  # start, duration
    every_days: int
    horizon_days: int

    def write(self, path: Path) -> Setting:
        pd.DataFrame(
            {
                "node": [name for name, _ in self.nodes],
                "observed_from": START - pd.Timedelta(days=30),
                "observed_until": instants([leaves for _, leaves in self.nodes]),
            }
        ).to_parquet(path / "nodes.parquet")
        ends = [None if length is None else start + length for *_, start, length in self.events]
        pd.DataFrame(
            {
                "node": pd.Series([event[0] for event in self.events], dtype="str"),
                "kind": pd.Series([event[1] for event in self.events], dtype="str"),
                "start": instants([event[2] for event in self.events]),
                "end": instants(ends),
                "recorded_at": instants([event[2] + 5 for event in self.events]),
                "end_recorded_at": instants([None if end is None else end + 5 for end in ends]),
            }
        ).to_parquet(path / "events.parquet")
        pd.DataFrame(
            {
                "start": instants([start for start, _ in self.blind]),
                "end": instants([start + length for start, length in self.blind]),
            }
        ).to_parquet(path / "blind.parquet")
        return Setting(path, START, START + dt.timedelta(days=30), self.every_days, self.horizon_days)


def instants(hours: Sequence[int | None]) -> pd.Series:
    spans = pd.to_timedelta(pd.Series([math.nan if hour is None else float(hour) for hour in hours]), unit="h")
    return (START + spans).astype("datetime64[us, UTC]")


NAMES = ("n1", "n10", "n2", "N2", "été", "n-3")
HOURS = st.integers(-100, 24 * 32)
LONG_AGO = ("n1", "failure", -500, 1)  # the reference needs one failure, but not in the window
EVENTS = st.tuples(
    st.sampled_from([*NAMES, "ghost"]),
    st.sampled_from(["failure", "failure", "maintenance", "other"]),
    HOURS,
    st.sampled_from([0, 0, 1, 30, 80, None]),
)


@st.composite
def folders(draw: st.DrawFn) -> Folder:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    return Folder(
        nodes=tuple((name, draw(st.one_of(st.none(), HOURS))) for name in names),
        events=(LONG_AGO, *draw(st.lists(EVENTS, min_size=draw(st.sampled_from([0, 20])), max_size=40))),
        blind=tuple(draw(st.lists(st.tuples(HOURS, st.integers(1, 120)), max_size=2))),
        every_days=draw(st.sampled_from([1, 3])),
        horizon_days=draw(st.sampled_from([1, 7])),
    )


@settings(max_examples=30, deadline=None)
@given(folders(), st.integers(0, 1000), st.sampled_from([1, 4, 10_000]))
def test_the_figures_of_any_folder_are_the_references(folder: Folder, seed: int, distinct: int) -> None:
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as path:
        setting = folder.write(Path(path))
        rows = labelled_rows(setting)
        kept = rows.y.dropna()
        if kept.empty:
            return  # the reference divides by the count of kept rows
        scores = {"base_rate": np.full(len(rows), 0.1), "model": rng.integers(1, distinct + 1, len(rows)) / 10_001}
        report = report_of(setting, rows, scores)
        assert differences(report, judged(setting, rows, scores)) == []
        if not report["model"]["budgets"][0]["failures"]:
            assert report["model"]["budgets"][0]["caught_share"]["value"] is None
        if kept.min() == kept.max():
            assert report["model"]["roc_auc"]["value"] is None
