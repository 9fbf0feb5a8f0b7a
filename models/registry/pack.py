"""Packs a trained model into a bundle."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from typing import TYPE_CHECKING

from data.time_grid import in_hours
from models.registry.bundle import CAUSE_MODEL, CAUSE_TREES, FORMAT, LINEAR_MODEL, Bundle, Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.causes.model import CauseModel
    from models.hazard.train import Trained


def pack(
    trained: Trained,
    fleet: str,
    metrics: Mapping[str, float],
    tables: Mapping[str, int],
    causes: CauseModel | None = None,
) -> Bundle:
    """Pack a trained model with everything that scoring needs."""
    model, setup, capabilities = trained.model, trained.setup, trained.capabilities
    manifest = Manifest(
        format=FORMAT,
        fleet=fleet,
        trained_until=trained.view.at.isoformat(),
        features=model.feature_names,
        has_racks=capabilities.has_racks,
        has_hardware=capabilities.has_hardware,
        causes=capabilities.causes,
        horizons_hours=tuple(map(in_hours, model.horizons)),
        boosters=tuple(f"booster-{seed}.txt" for seed in range(len(model.boosters))),
        calibration_offset=tuple(model.calibration.offset.tolist()),
        calibration_scale=tuple(model.calibration.scale.tolist()),
        support=trained.support,
        failures=trained.failures,
        metrics={name: value for name, value in metrics.items() if isfinite(value)},  # JSON has no NaN
        tables=dict(tables),
        params={
            **asdict(setup.recipe.params),
            "folds": setup.recipe.folds,
            "every_hours": in_hours(setup.recipe.every),
        },
        line=LINEAR_MODEL if model.linear else "",
        trees_share=model.trees_share,
        cause_model=CAUSE_MODEL if causes else "",
        cause_trees=CAUSE_TREES if causes and causes.booster else "",
        base_strength=model.base_strength,
    )
    return Bundle(model, manifest, causes)
