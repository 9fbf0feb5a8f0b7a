"""A small model to register, and a registry in a folder."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import lightgbm as lgb
import numpy as np
from matplotlib.figure import Figure

from models.hazard.model import Calibration, HazardModel
from models.registry.bundle import FORMAT, Bundle, Manifest
from models.registry.runs import TrainingRun

if TYPE_CHECKING:
    from pathlib import Path

    from models.registry.mlflow_registry import Registry

NAMES = ("power__mean__1d", "failures__count__30d")
HORIZONS = (timedelta(days=1), timedelta(days=7))
TRAINED_UNTIL = datetime(2021, 7, 1, tzinfo=UTC)


def registry_in(folder: Path, model_name: str = "nodeward") -> Registry:
    from models.registry.mlflow_registry import Registry  # noqa: PLC0415 - imports mlflow: 2 s, and not while tests are collected

    return Registry(f"sqlite:///{folder}/mlflow.db", (folder / "mlflow").as_uri(), "nodeward", model_name)


def made_up_bundle() -> Bundle:
    """Fit a few trees to made-up values."""
    rng = np.random.default_rng(1)
    features = rng.random((300, 3))
    data = lgb.Dataset(features, (features[:, 0] > 0.7).astype(float))
    booster = lgb.train({"objective": "binary", "verbose": -1}, data, 5)
    manifest = Manifest(
        format=FORMAT,
        fleet="m100",
        trained_until=TRAINED_UNTIL.isoformat(),
        features=NAMES,
        has_racks=True,
        has_hardware=False,
        causes=(),
        horizons_hours=(24.0, 168.0),
        boosters=("booster-0.txt",),
        calibration_offset=(0.1, 0.2),
        calibration_scale=(0.9, 1.1),
        support="ok",
        failures=77,
        metrics={"pr_auc_7d": 0.25},
        tables={"telemetry": 3, "buckets": 2},
        params={"trees": 5},
    )
    model = HazardModel(NAMES, HORIZONS, (booster,), Calibration(np.array([0.1, 0.2]), np.array([0.9, 1.1])))
    return Bundle(model, manifest)


def run_of(bundle: Bundle) -> TrainingRun:
    figure = Figure()
    figure.add_subplot().plot([0, 1], [0, 1])
    return TrainingRun.of(bundle, {"reliability": figure})
