"""The 'history' baseline: the model's own trees on event history and uptime alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from features.feature import Catalogue, Origin
from models.hazard import fit
from models.hazard.model import pooled_model

if TYPE_CHECKING:
    from models.hazard.model import HazardModel
    from models.hazard.train import Trained


def train_history_model(trained: Trained) -> HazardModel:
    """Train on a model's training set, without telemetry but for uptime and without a linear model."""
    full = trained.training.catalogue
    catalogue = Catalogue(
        tuple(
            feature
            for feature in full.features
            if feature.origin is Origin.HISTORY or feature.statistic.name == "uptime"
        )
    )
    if not trained.is_supported:
        return pooled_model(catalogue.names, trained.setup.design.horizons, trained.model.base_strength)
    recipe = trained.setup.recipe
    trees_alone = replace(recipe, params=replace(recipe.params, trees_share=1.0))
    return fit.train(trained.training.only(catalogue), trained.view, trees_alone).model
