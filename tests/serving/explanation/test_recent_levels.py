from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from data.schema import TS
from features.grid import to_numpy
from serving.explanation import recent_levels
from serving.explanation.recent_levels import TimeSlices, read
from tests.features.fleets import DAY
from tests.serving.broken_fleet import HOUR, NAMES, NOW, fleet_of, healthy, with_fault


def noisy() -> pl.DataFrame:
    return healthy().with_columns(fan=pl.col("fan") + (pl.col(TS).dt.hour() * 7 % 11))


@pytest.mark.parametrize("level", ["mean", "max", "min", "last"])
@pytest.mark.parametrize("most", [720, 5])
def test_the_value_of_a_slice_equals_that_of_pandas(level: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_levels, "MOST_SLICES", most)
    view = fleet_of(noisy()).view(NOW)
    ((_, slices),) = read(view, NAMES, [("fan", level)], TimeSlices.of(view, 7 * DAY))
    samples = noisy().to_pandas()
    of_node = samples[samples["node"] == "n03"].set_index("ts")["fan"]
    width = 7 * DAY / 28 if most == 720 else timedelta(hours=36)
    assert slices.values.shape == (len(NAMES), 28 if most == 720 else 5)
    for back in range(slices.values.shape[1] - 1):
        end = NOW - back * width
        of_slice = of_node[(of_node.index > end - width) & (of_node.index <= end)]
        expected = of_slice.iloc[-1] if level == "last" else getattr(of_slice, level)()
        assert slices.values[3, -1 - back] == pytest.approx(expected)
        assert slices.first[3, -1 - back] == to_numpy(of_slice.index[0].to_pydatetime()).astype(np.int64)
        assert slices.last[3, -1 - back] == to_numpy(of_slice.index[-1].to_pydatetime()).astype(np.int64)


def test_a_counter_rises_between_buckets_and_a_reset_counts_from_zero() -> None:
    counted = with_fault(healthy(), "n04", NOW - 8 * HOUR, ecc=10.0)
    counted = with_fault(counted, "n04", NOW - HOUR, ecc=3.0)
    view = fleet_of(counted).view(NOW)
    ((_, slices),) = read(view, NAMES, [("ecc", "increase")], TimeSlices.of(view, DAY))
    assert slices.values[4].tolist() == [0, 0, 10, 3]
    assert slices.values[5].tolist() == [0, 0, 0, 0]


def test_a_gap_is_nan_and_metrics_are_read_in_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    gap = healthy().filter((pl.col("node") != "n04") | (pl.col(TS) <= NOW - 6 * HOUR))
    view = fleet_of(gap).view(NOW)
    requested = [("fan", "mean"), ("fan", "max"), ("seen_n", "last")]
    time_slices = TimeSlices.of(view, DAY)
    assert time_slices.start == NOW - DAY
    at_once = dict(read(view, NAMES, requested, time_slices))
    monkeypatch.setattr(recent_levels, "READ_CELLS", 1)
    in_runs = dict(read(view, NAMES, requested, time_slices))
    assert in_runs.keys() == at_once.keys() == set(requested)
    for key, slices in in_runs.items():
        assert slices.values.tobytes() == at_once[key].values.tobytes()
        assert np.isnan(slices.values[4]).tolist() == [False, False, False, True]
