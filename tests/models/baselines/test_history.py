from __future__ import annotations

from features.feature import Origin
from models.baselines.history import train_history_model
from models.hazard.train import train
from tests.models.replays import SPLIT, made_up, setup_of, trained


def test_the_history_model_has_event_history_and_uptime_alone() -> None:
    by_name = {feature.name: feature for feature in trained().training.catalogue.features}
    features = [by_name[name] for name in train_history_model(trained()).feature_names]
    assert {feature.origin for feature in features} == {Origin.HISTORY, Origin.SAMPLED}
    assert {feature.statistic.name for feature in features if feature.origin is Origin.SAMPLED} == {"uptime"}
    assert len(features) < len(by_name)


def test_with_too_few_failures_the_history_model_has_no_trees() -> None:
    few = train(made_up().view(SPLIT), setup_of(min_failures=trained().failures + 1))
    assert train_history_model(few).boosters == ()
