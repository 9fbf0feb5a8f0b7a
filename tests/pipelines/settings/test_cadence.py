from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.durations import format_duration
from data.errors import SettingsError
from data.time_grid import DAY, HOUR
from pipelines.settings.load import load
from pipelines.settings.schema import Settings

MINUTE = timedelta(minutes=1)
SUB_DAILY = "forecast.horizons=['1h', '6h', '24h']"


def loaded(folder: Path, *overrides: str, text: str = "") -> Settings:
    """Return the settings of a file with overrides."""
    path = folder / "cadence.toml"
    path.write_text(text)
    return load(path, overrides, {})


def error_of(folder: Path, *overrides: str, text: str = "") -> str:
    """Return the text of the error that loading raises."""
    with pytest.raises(SettingsError) as caught:
        loaded(folder, *overrides, text=text)
    return str(caught.value)


def cadence(settings: Settings) -> tuple[timedelta, timedelta, timedelta]:
    """Return how often scores are due, how wide a bucket is, and the horizon of decisions."""
    return settings.forecast.every, settings.buckets.width, settings.policy.horizon


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), (DAY, DAY, 7 * DAY)),
        ((SUB_DAILY,), (HOUR, HOUR, DAY)),
        ((SUB_DAILY, "policy.horizon=6h"), (HOUR, HOUR, 6 * HOUR)),
        (("forecast.horizons=['90m', '6h']",), (HOUR, HOUR, 6 * HOUR)),
        (("forecast.horizons=['45m']",), (30 * MINUTE, 30 * MINUTE, 45 * MINUTE)),
        (("forecast.horizons=['1d', '3d']",), (DAY, DAY, 3 * DAY)),
        (("forecast.horizons=['3d', '14d']",), (DAY, DAY, 3 * DAY)),
        (("forecast.horizons=['14d', '30d']",), (DAY, DAY, 14 * DAY)),
        (("forecast.every=7d", "forecast.horizons=['7d']"), (7 * DAY, DAY, 7 * DAY)),
        (("forecast.every=15m",), (15 * MINUTE, 15 * MINUTE, 7 * DAY)),
        (("buckets.width=2h", "forecast.horizons=['3h']"), (2 * HOUR, 2 * HOUR, 3 * HOUR)),
        ((SUB_DAILY, "features.windows=['5m', '1h']"), (HOUR, 5 * MINUTE, DAY)),
        (("features.windows=['6h', '1d']",), (DAY, 6 * HOUR, 7 * DAY)),
    ],
)
def test_keys_that_are_left_out_follow_the_horizons(
    tmp_path: Path, overrides: tuple[str, ...], expected: tuple[timedelta, ...]
) -> None:
    assert cadence(loaded(tmp_path, *overrides)) == expected


@given(seconds=st.sets(st.integers(1, 40 * 86_400), min_size=1, max_size=4))
def test_horizons_alone_are_enough(tmp_path_factory: pytest.TempPathFactory, seconds: set[int]) -> None:
    horizons = [timedelta(seconds=length) for length in sorted(seconds)]
    listed = ", ".join(f"'{format_duration(length)}'" for length in horizons)
    every, width, horizon = cadence(loaded(tmp_path_factory.getbasetemp(), f"forecast.horizons=[{listed}]"))
    assert every == DAY or (horizons[0] / 2 < every <= horizons[0] and not DAY % every)
    assert not every % width
    assert horizon in horizons


def test_what_is_written_is_kept(tmp_path: Path) -> None:
    written = (SUB_DAILY, "forecast.every=30m", "buckets.width=10m", "policy.horizon=1h")
    assert cadence(loaded(tmp_path, *written)) == (30 * MINUTE, 10 * MINUTE, HOUR)


def test_a_horizon_that_ends_before_the_next_score_is_refused_with_both_ways_out(tmp_path: Path) -> None:
    message = error_of(tmp_path, text='[forecast]\nhorizons = ["6h", "1d", "7d"]\nevery = "1d"\n')
    assert 'cadence.toml, line 2): begins with 6h, which ends before the next score (forecast.every = "1d")' in message
    assert '→ write every = "6h", or horizons = ["1d", "7d"]' in message


def test_the_line_for_a_shorter_cadence_comes_with_the_buckets_that_it_needs(tmp_path: Path) -> None:
    message = error_of(tmp_path, SUB_DAILY, text='forecast.every = "1d"\n[buckets]\nwidth = "1d"\n')
    assert (
        '→ write forecast.every = "1h" and width = "1h" in [buckets], or --set \'forecast.horizons=["1d"]\'' in message
    )
    assert loaded(tmp_path, SUB_DAILY, text='forecast.every = "1h"\n[buckets]\nwidth = "1h"\n')


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("buckets.width=1d", SUB_DAILY), "--set buckets.width=1h"),
        (("buckets.width=2d", "forecast.every=3d", "forecast.horizons=['7d']"), "--set buckets.width=1d"),
        (("buckets.width=4h", "forecast.every=6h"), "--set buckets.width=2h"),
    ],
)
def test_buckets_that_do_not_divide_the_cadence_are_refused(
    tmp_path: Path, overrides: tuple[str, ...], line: str
) -> None:
    message = error_of(tmp_path, *overrides)
    assert "does not divide forecast.every = " in message
    assert f"→ write {line}" in message


def test_a_window_that_is_not_made_of_whole_buckets_is_refused(tmp_path: Path) -> None:
    message = error_of(tmp_path, "features.windows=['5m', '90m', '6h']", "buckets.width=1h", SUB_DAILY)
    assert '(--set features.windows): 5m and 1h30m can\'t be made of whole buckets (buckets.width = "1h")' in message
    assert '→ write --set buckets.width=5m, or --set \'features.windows=["1h", "2h", "6h"]\'' in message
    assert (
        "→ write --set buckets.width=5m\n"
        in error_of(tmp_path, "features.windows=['5m', '10m']", "buckets.width=1h", SUB_DAILY) + "\n"
    )


def test_a_policy_horizon_that_is_not_forecast_is_refused_with_those_that_are(tmp_path: Path) -> None:
    message = error_of(tmp_path, "policy.horizon=15d")
    assert 'policy.horizon = "15d" (--set policy.horizon): not one of forecast.horizons: 1d, 3d, 7d, 14d' in message
    assert "→ write --set policy.horizon=14d, choose another one of 1d, 3d, 7d, 14d, or add it to" in message


def test_every_contradiction_is_reported_at_once(tmp_path: Path) -> None:
    message = error_of(
        tmp_path,
        SUB_DAILY,
        "buckets.width=4h",
        "forecast.every=6h",
        "policy.horizon=2d",
        "features.windows=['2h','1d']",
    )
    assert message.count("→") == 4


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("forecast.every", "5h", "4h"),
        ("forecast.every", "36h", "1d"),
        ("forecast.every", "10d1h", "10d"),
        ("buckets.width", "7m", "6m"),
        ("buckets.width", "55s", "30s"),
    ],
)
def test_a_length_that_does_not_divide_a_day_is_refused_with_the_nearest_that_does(
    tmp_path: Path, key: str, value: str, line: str
) -> None:
    assert f"→ write --set {key}={line}" in error_of(tmp_path, f"{key}={value}")


def test_a_length_that_nothing_round_is_below_is_refused_with_the_default(tmp_path: Path) -> None:
    assert '→ correct it, or leave it out for "1d"' in error_of(tmp_path, "buckets.width=0.7s")
