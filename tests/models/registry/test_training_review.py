from __future__ import annotations

import io

import numpy as np
import pytest

from models.hazard.train import train
from models.registry.training_review import gains, review_training
from tests.models.replays import SPLIT, made_up, setup_of, trained


def test_a_review_has_metrics_and_plots_that_can_be_saved() -> None:
    review = review_training(trained())
    assert set(review.metrics) == {
        f"{name}_{days}d" for days in (1, 3, 7) for name in ("pr_auc", "roc_auc", "observed_over_expected")
    }
    assert sorted(review.figures) == ["caught", "failures", "importance", "reliability"]
    for figure in review.figures.values():
        file = io.BytesIO()
        figure.savefig(file)
        assert file.getvalue().startswith(b"\x89PNG")


def test_without_folds_there_are_no_metrics() -> None:
    review = review_training(train(made_up().view(SPLIT), setup_of(min_failures=10_000)))
    assert review.metrics == {}
    assert sorted(review.figures) == ["failures", "importance"]


def test_gains_are_summed_over_the_seeds_and_leave_the_interval_out() -> None:
    model = trained().model
    by_feature = gains(model)
    assert tuple(by_feature) == model.feature_names
    assert sum(by_feature.values()) > 0
    of_seeds = [booster.feature_importance("gain") for booster in model.boosters]
    assert list(by_feature.values()) == pytest.approx(np.sum(of_seeds, axis=0)[:-1])
