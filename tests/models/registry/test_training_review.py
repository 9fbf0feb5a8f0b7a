from __future__ import annotations

import io

import numpy as np
import pytest

from models.hazard.train import train
from models.registry.training_review import gains, review
from tests.models.replays import HORIZONS, SPLIT, made_up, setup_of, trained


def test_a_review_has_figures_and_plots_that_can_be_saved() -> None:
    found = review(trained())
    assert set(found.metrics) == {
        f"{name}_{horizon:g}d" for horizon in HORIZONS for name in ("pr_auc", "roc_auc", "observed_over_expected")
    }
    assert sorted(found.figures) == ["caught", "failures", "importance", "reliability"]
    for figure in found.figures.values():
        file = io.BytesIO()
        figure.savefig(file)
        assert file.getvalue().startswith(b"\x89PNG")


def test_without_folds_there_is_nothing_to_judge() -> None:
    found = review(train(made_up().view(SPLIT), setup_of(min_failures=10_000)))
    assert found.metrics == {}
    assert sorted(found.figures) == ["failures", "importance"]


def test_gains_are_summed_over_the_seeds_and_leave_the_interval_out() -> None:
    model = trained().model
    told = gains(model)
    assert tuple(told) == model.feature_names
    assert sum(told.values()) > 0
    each = [booster.feature_importance("gain") for booster in model.boosters]
    assert list(told.values()) == pytest.approx(np.sum(each, axis=0)[:-1])
