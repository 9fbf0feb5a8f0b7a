"""What was learned of causes as JSON; the trees are LightGBM's own text beside it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from models.causes.blend import Blend
from models.causes.counts import CountLevel
from models.causes.dirichlet import DirichletHierarchy
from models.causes.labels import Causes
from models.causes.model import CauseModel

if TYPE_CHECKING:
    import lightgbm as lgb

DAY = timedelta(days=1)


def write(model: CauseModel) -> str:
    """Write everything but the trees; times as days."""
    told: dict[str, Any] = {
        "causes": model.causes.names,
        "unknown": model.causes.unknown,
        "levels": [
            {"group": level.group, "window_days": level.window and level.window / DAY, "strength": strength}
            for level, strength in model.shrinkage.strengths.items()
        ],
        "sharpness": model.mixing.sharpness,
        "trees": model.mixing.trees,
        "least_probability": model.least_probability,
        "failures": model.failures,
        "unexplained": model.unexplained,
        "doubt": model.doubt,
    }
    return json.dumps(told, indent=1, allow_nan=False)


def read(text: str, booster: lgb.Booster | None) -> CauseModel:
    """Read it back, with the trees if there are any.

    Raises:
        ValueError, KeyError, TypeError: if the text is nothing that `write` wrote.
    """
    told = json.loads(text)
    strengths = {_level(one): float(one["strength"]) for one in told["levels"]}
    return CauseModel(
        Causes(tuple(told["causes"]), tuple(told["unknown"])),
        DirichletHierarchy(strengths),
        booster,
        Blend(float(told["sharpness"]), float(told["trees"])),
        float(told["least_probability"]),
        int(told["failures"]),
        int(told["unexplained"]),
        str(told["doubt"]),
    )


def _level(told: dict[str, Any]) -> CountLevel:
    days = told["window_days"]
    return CountLevel(str(told["group"]), None if days is None else days * DAY)
