from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from data.schema import TS
from features.grid import to_numpy
from serving.explanation import recent_levels
from serving.explanation.recent_levels import SliceValues, TimeSlices, read
from tests.features.fleets import DAY
from tests.serving.shop import HOUR, NAMES, NOW, healthy, of, spoiled


def fan(level: str, clock_of: timedelta = 7 * DAY) -> SliceValues:
    noisy = healthy().with_columns(fan=pl.col("fan") + (pl.col(TS).dt.hour() * 7 % 11))
    view = of(noisy).view(NOW)
    ((_, found),) = read(view, NAMES, [("fan", level)], TimeSlices.of(view, clock_of))
    return found


@pytest.mark.parametrize("level", ["mean", "max", "min", "last"])
@pytest.mark.parametrize("most", [720, 5])
def test_a_slice_is_what_pandas_makes_of_its_samples(level: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_levels, "MOST_SLICES", most)
    found = fan(level)
    samples = healthy().with_columns(fan=pl.col("fan") + (pl.col(TS).dt.hour() * 7 % 11)).to_pandas()
    mine = samples[samples["node"] == "n03"].set_index("ts")["fan"]
    width = 7 * DAY / 28 if most == 720 else timedelta(hours=36)
    assert found.values.shape == (len(NAMES), 28 if most == 720 else 5)
    for back in range(found.values.shape[1] - 1):
        end = NOW - back * width
        own = mine[(mine.index > end - width) & (mine.index <= end)]
        expected = own.iloc[-1] if level == "last" else getattr(own, level)()
        assert found.values[3, -1 - back] == pytest.approx(expected)
        assert found.first[3, -1 - back] == to_numpy(own.index[0].to_pydatetime()).astype(np.int64)
        assert found.last[3, -1 - back] == to_numpy(own.index[-1].to_pydatetime()).astype(np.int64)


def test_a_counter_rises_between_buckets_and_a_reset_counts_from_zero() -> None:
    counted = spoiled(healthy(), "n04", NOW - 8 * HOUR, ecc=10.0)
    counted = spoiled(counted, "n04", NOW - HOUR, ecc=3.0)
    view = of(counted).view(NOW)
    ((_, found),) = read(view, NAMES, [("ecc", "increase")], TimeSlices.of(view, DAY))
    assert found.values[4].tolist() == [0, 0, 10, 3]
    assert found.values[5].tolist() == [0, 0, 0, 0]


def test_a_gap_is_nan_and_metrics_are_read_in_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = healthy().filter((pl.col("node") != "n04") | (pl.col(TS) <= NOW - 6 * HOUR))
    view = of(gap).view(NOW)
    wanted = [("fan", "mean"), ("fan", "max"), ("seen_n", "last")]
    clock = TimeSlices.of(view, DAY)
    whole = dict(read(view, NAMES, wanted, clock))
    monkeypatch.setattr(recent_levels, "READ_CELLS", 1)
    for key, found in read(view, NAMES, wanted, clock):
        assert found.values.tobytes() == whole[key].values.tobytes()
        assert np.isnan(found.values[4]).tolist() == [False, False, False, True]
    assert clock.start == NOW - DAY
