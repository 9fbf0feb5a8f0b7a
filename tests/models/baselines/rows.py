"""Labelled rows for the tests of baselines: written by hand, and drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.baselines.labelled_rows import LabelledRows

if TYPE_CHECKING:
    from collections.abc import Sequence


def labelled(
    features: Sequence[Sequence[float]], label: Sequence[float], weight: Sequence[float] | None = None
) -> LabelledRows:
    return LabelledRows(
        np.array(features, dtype=np.float32),
        np.array(label, dtype=np.float64),
        np.array(weight or [1.0] * len(label), dtype=np.float64),
    )


def drawn(rng: np.random.Generator, count: int = 400) -> LabelledRows:
    """Draw rows whose risk falls with the second column, rises a little with the third, and ignores the first."""
    features = rng.normal(size=(count, 3))
    fails = rng.random(count) < 1 / (1 + np.exp(2 + 3 * features[:, 1] - features[:, 2]))
    return LabelledRows(features.astype(np.float32), fails.astype(np.float64), np.ones(count))
