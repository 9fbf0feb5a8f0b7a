"""The model of causes as JSON; its trees are kept next to it as LightGBM's own text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from data.time_grid import DAY
from models.causes.blend import Blend
from models.causes.counts import CountLevel
from models.causes.dirichlet import DirichletHierarchy
from models.causes.labels import Causes
from models.causes.model import CauseModel

if TYPE_CHECKING:
    import lightgbm as lgb


def write(model: CauseModel) -> str:
    """Return everything but the trees as JSON text; windows in days."""
    values: dict[str, Any] = {
        "causes": model.causes.names,
        "unknown": model.causes.unknown,
        "levels": [
            {"group": level.group, "window_days": level.window and level.window / DAY, "strength": strength}
            for level, strength in model.hierarchy.strengths.items()
        ],
        "sharpness": model.blend.sharpness,
        "trees": model.blend.tree_weight,
        "least_probability": model.least_probability,
        "failures": model.failures,
        "unexplained": model.unexplained,
        "doubt": model.doubt,
    }
    return json.dumps(values, indent=1, allow_nan=False)


def read(text: str, booster: lgb.Booster | None) -> CauseModel:
    """Return the model that `write` wrote, with its trees if there are any.

    Raises:
        ValueError, KeyError, TypeError: if `write` did not write the text.
    """
    values = json.loads(text)
    strengths = {_level(level): float(level["strength"]) for level in values["levels"]}
    return CauseModel(
        Causes(tuple(values["causes"]), tuple(values["unknown"])),
        DirichletHierarchy(strengths),
        booster,
        Blend(float(values["sharpness"]), float(values["trees"])),
        float(values["least_probability"]),
        int(values["failures"]),
        int(values["unexplained"]),
        str(values["doubt"]),
    )


def _level(level: dict[str, Any]) -> CountLevel:
    days = level["window_days"]
    return CountLevel(str(level["group"]), None if days is None else days * DAY)
