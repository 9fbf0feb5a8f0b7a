"""The cadence that is proposed for a fleet, by how often its nodes are sampled and how long its outages last."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.durations import parse_duration
from data.time_grid import DAY, HOUR
from pipelines.analysis.check import check
from pipelines.analysis.proposal import (
    FEWEST_OUTAGES,
    HORIZONS,
    MOST_BATCHES,
    MOST_NODES,
    Rhythm,
    is_enough,
    propose,
    rhythm_of,
    sample_times,
)
from pipelines.settings.load import load
from pipelines.settings.schema import MetricSettings, Settings
from pipelines.settings.written_lengths import as_toml
from tests.pipelines.made_up import START, settings_of, write_records

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MINUTE = timedelta(minutes=1)
SAMPLED = MetricSettings()
ASD = Rhythm(5 * MINUTE, 1.5 * HOUR, 310 * MINUTE)


def settings_with(folder: Path, *overrides: str) -> Settings:
    path = folder / "proposal.toml"
    path.write_text("")
    return load(path, overrides, {})


def lines(rhythm: Rhythm, settings: Settings) -> dict[str, str]:
    return {".".join(key): as_toml(value) for key, value in propose(rhythm, settings).items()}


def failures(lengths: Sequence[timedelta | None]) -> pl.DataFrame:
    starts = [START + 10 * number * DAY for number in range(len(lengths))]
    ends = [None if length is None else start + length for start, length in zip(starts, lengths, strict=True)]
    return pl.DataFrame(
        {"node": ["a"] * len(starts), "start": starts, "end": ends},
        schema={"node": pl.String(), "start": pl.Datetime("us", "UTC"), "end": pl.Datetime("us", "UTC")},
    ).with_columns(kind=pl.lit("failure"))


def samples(nodes: int, count: int, step: timedelta, start: int = 0) -> pl.DataFrame:
    """Return a batch in the order of time: every node, `count` times."""
    rows = [(f"n{node}", START + (start + time) * step, 20.0) for time in range(count) for node in range(nodes)]
    return pl.DataFrame(rows, schema=["node", "ts", "temperature"], orient="row")


def test_short_outages_of_nodes_that_are_sampled_often_suggest_hours(tmp_path: Path) -> None:
    assert lines(ASD, settings_with(tmp_path)) == {
        "buckets.width": '"1h"',
        "forecast.horizons": '["1h", "6h", "1d"]',
        "forecast.every": '"1h"',
        "policy.horizon": '"6h"',
        "policy.stale_after": '"3h"',
    }


@pytest.mark.parametrize(
    ("rhythm", "every", "policy_horizon"),
    [
        (Rhythm(MINUTE, MINUTE, 5 * MINUTE), "15m", "15m"),
        (Rhythm(MINUTE, 59 * MINUTE, HOUR), "15m", "1h"),
        (Rhythm(MINUTE, HOUR, HOUR), "1h", "1h"),
        (Rhythm(20 * MINUTE, MINUTE, 7 * HOUR), "1h", "1d"),
        (Rhythm(HOUR + 2 * MINUTE, MINUTE, 7 * HOUR), "1h", "1d"),
        (Rhythm(HOUR, 8 * HOUR, 40 * DAY), "6h", "7d"),
        (Rhythm(2 * HOUR, HOUR, 7 * HOUR), "6h", "1d"),
    ],
)
def test_scores_are_due_as_often_as_outages_are_long_and_no_oftener_than_samples_come(
    tmp_path: Path, rhythm: Rhythm, every: str, policy_horizon: str
) -> None:
    proposed = lines(rhythm, settings_with(tmp_path))
    assert proposed["forecast.every"] == proposed["buckets.width"] == f'"{every}"'
    pasted = settings_with(tmp_path, *(f"{key}={value}" for key, value in proposed.items()))
    assert pasted.policy.horizon == parse_duration(policy_horizon)


@pytest.mark.parametrize(
    "rhythm",
    [
        Rhythm(),
        Rhythm(5 * MINUTE),
        Rhythm(None, HOUR, 2 * HOUR),
        Rhythm(DAY, HOUR, 2 * HOUR),
        Rhythm(7 * HOUR, HOUR, 2 * HOUR),
        Rhythm(MINUTE, 2 * DAY, 9 * DAY),
    ],
)
def test_nothing_is_proposed_where_the_defaults_fit_or_too_little_is_known(tmp_path: Path, rhythm: Rhythm) -> None:
    assert lines(rhythm, settings_with(tmp_path)) == {}


def test_settings_that_are_fine_enough_are_left_alone(tmp_path: Path) -> None:
    for horizon in ("5m", "1h"):
        fine = f"forecast.horizons=['{horizon}', '2h']"
        assert lines(ASD, settings_with(tmp_path, fine, "policy.stale_after=2h")) == {}


def test_scores_oftener_than_samples_are_pointed_out(tmp_path: Path) -> None:
    proposed = lines(Rhythm(DAY, HOUR, 2 * HOUR), settings_with(tmp_path, "forecast.horizons=['1h', '1d']"))
    assert proposed["forecast.every"] == '"1d"'
    assert proposed["forecast.horizons"] == '["1d", "3d", "7d", "14d"]'


@given(
    sampled=st.timedeltas(timedelta(seconds=1), 60 * DAY),
    median=st.timedeltas(timedelta(seconds=1), 60 * DAY),
    more=st.timedeltas(timedelta(0), 60 * DAY),
    horizon=st.sampled_from(["5m", "1h", "6h", "1d", "7d"]),
)
def test_proposed_lines_can_be_pasted_and_then_nothing_more_is_proposed(
    tmp_path_factory: pytest.TempPathFactory, sampled: timedelta, median: timedelta, more: timedelta, horizon: str
) -> None:
    rhythm, folder = Rhythm(sampled, median, median + more), tmp_path_factory.getbasetemp()
    written = f"forecast.horizons=['{horizon}']"
    proposed = lines(rhythm, settings_with(folder, written))
    pasted = settings_with(folder, written, *(f"{key}={value}" for key, value in proposed.items()))
    assert lines(rhythm, pasted) == {} or sampled > DAY
    assert "forecast.every" not in proposed or pasted.forecast.every in HORIZONS


@pytest.mark.parametrize("rhythm", [Rhythm(), ASD])
def test_scores_older_than_the_horizon_of_decisions_are_stale(tmp_path: Path, rhythm: Rhythm) -> None:
    hourly = ("forecast.horizons=['1h', '6h', '1d']", "policy.horizon=6h")
    assert lines(rhythm, settings_with(tmp_path, *hourly)) == {"policy.stale_after": '"3h"'}
    for fresh in ("policy.stale_after=6h", "policy.stale_after=1h"):
        assert lines(rhythm, settings_with(tmp_path, *hourly, fresh)) == {}
    assert lines(Rhythm(), settings_with(tmp_path, "forecast.horizons=['1d']")) == {}


def test_samples_and_outages_are_measured() -> None:
    lengths = [HOUR] * 9 + [2 * HOUR] * 9 + [3 * HOUR, 40 * HOUR, timedelta(0), None]
    measured = rhythm_of([sample_times(samples(3, 9, 5 * MINUTE), SAMPLED)], failures(lengths))
    assert measured == Rhythm(5 * MINUTE, 2 * HOUR, 2 * HOUR)


def test_a_few_outages_or_none_with_an_end_are_not_measured() -> None:
    assert rhythm_of([], failures([HOUR] * (FEWEST_OUTAGES - 1))) == Rhythm()
    assert rhythm_of([], failures([None] * 20)) == Rhythm()
    assert rhythm_of([], failures([HOUR] * FEWEST_OUTAGES)).outage_median == HOUR


def test_metrics_that_are_sent_on_change_do_not_say_how_often_nodes_are_sampled() -> None:
    on_change = MetricSettings.model_validate({"columns": {"errors": {"sampling": "on_change"}}})
    batch = samples(2, 300, MINUTE).with_columns(errors=pl.lit(1.0))
    is_hourly = pl.col("ts").dt.minute() == 0
    sparse = batch.with_columns(temperature=pl.when(is_hourly).then("temperature"))
    assert rhythm_of([sample_times(sparse, on_change)], failures([])).sampled_every == HOUR
    only_changes = sample_times(batch.drop("temperature"), on_change)
    assert rhythm_of([only_changes], failures([])) == Rhythm()
    assert is_enough([only_changes])


def test_as_few_batches_are_read_as_are_enough() -> None:
    one_time = [sample_times(samples(1, 1, MINUTE, start), SAMPLED) for start in range(MOST_BATCHES)]
    assert not is_enough([])
    assert not is_enough(one_time[:-1])
    assert is_enough(one_time)
    assert rhythm_of(one_time[:3], failures([])).sampled_every == MINUTE
    many = sample_times(samples(2 * MOST_NODES, 9, MINUTE), SAMPLED)
    assert is_enough([many])
    assert many["node"].n_unique() == MOST_NODES


def test_check_reports_the_rhythm_and_the_lines_to_write(tmp_path: Path) -> None:
    write_records(tmp_path / "records")
    samples(3, 99, 5 * MINUTE).with_columns(
        node=pl.col("node").replace({"n0": "a", "n1": "b", "n2": "c"})
    ).write_parquet(tmp_path / "records" / "telemetry.parquet")
    starts = [START + timedelta(hours=5 * number) for number in range(20)]
    outages = pl.DataFrame({"node": "a", "start": starts, "end": [start + HOUR for start in starts], "kind": "failure"})
    outages.write_parquet(tmp_path / "records" / "events.parquet")
    report = check(settings_of(tmp_path), "")
    assert report.first_error is None
    assert report.rhythm == Rhythm(5 * MINUTE, HOUR, HOUR)
    assert report.proposal["forecast.every"] == '"1h"'
    assert report.evidence is not None
    assert (report.evidence.recorded, report.evidence.outages, report.evidence.failures) == (20, {"1d": 1}, 1)
