from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.baselines.raw_lightgbm import fit_lightgbm_raw, minus_fleet_median
from tests.models.baselines.rows import drawn

if TYPE_CHECKING:
    from numpy.typing import NDArray


def test_lightgbm_raw_is_the_same_twice() -> None:
    rows = drawn(np.random.default_rng(5))
    first, second = (fit_lightgbm_raw(rows, 1)(rows.features) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first[rows.label == 1].mean() > first[rows.label == 0].mean()


@settings(max_examples=50, deadline=None)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(0, 30), st.integers(1, 3)),
        elements=st.one_of(st.just(np.nan), st.floats(-1e6, 1e6, width=32)),
    ),
    st.integers(0, 1000),
)
def test_the_distance_from_the_fleets_median_is_that_of_pandas(values: NDArray[np.float32], seed: int) -> None:
    cutoff = np.random.default_rng(seed).integers(0, 4, len(values))
    distances = minus_fleet_median(values, cutoff)
    frame = pd.DataFrame(values.astype(np.float64))
    expected = (frame - frame.groupby(cutoff).transform("median")).to_numpy()
    assert distances.dtype == np.float32
    assert distances == pytest.approx(expected, rel=1e-6, abs=0.13, nan_ok=True)  # float32 steps by 1/16 at 1e6
