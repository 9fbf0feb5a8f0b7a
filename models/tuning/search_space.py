"""What may be tuned, and how far: few settings in narrow ranges, since few failures can't tell many apart."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.setup import Params

Space = dict[str, BaseDistribution]

INTEGERS: Final = {"trees": (50, 400), "leaves": (4, 24), "min_child": (10, 300)}
POSITIVES: Final = {"learning_rate": (0.01, 0.15), "feature_share": (0.05, 0.6), "l2": (0.3, 100.0)}
SHARES: Final = {"row_share": (0.4, 1.0), "trees_share": (0.3, 1.0)}
CHOICES: Final = {
    "half_life_days": (180.0, 365.0, 730.0, 3650.0),  # a line is fitted once for each: few
    "bins": (63, 127, 255),  # and rows are binned once for each
}
DIGITS: Final = 3  # of a setting that somebody is to paste


def space(current: Params) -> Space:
    """Give the range of each setting that is tuned, widened to hold today's value."""
    own = {name: getattr(current, name) for name in (*INTEGERS, *POSITIVES, *SHARES)}
    found: Space = {}
    for name, (low, high) in INTEGERS.items():
        found[name] = IntDistribution(min(low, own[name]), max(high, own[name]), log=True)
    for name, (least, most) in POSITIVES.items():
        is_log = own[name] > 0  # l2 may be 0
        found[name] = FloatDistribution(min(least, own[name]), max(most, own[name]), log=is_log)
    for name, (least, most) in SHARES.items():
        found[name] = FloatDistribution(min(least, own[name]), max(most, own[name]))
    for name, choices in CHOICES.items():
        found[name] = CategoricalDistribution(sorted({*choices, getattr(current, name)}))
    return found


def given(current: Params) -> dict[str, float]:
    """Give today's values of the settings that are tuned."""
    return {name: value for name, value in asdict(current).items() if name in space(current)}


def changed(current: Params, told: Mapping[str, float]) -> Params:
    """Set what was tuned, rounded as it will be pasted: what is judged is what is recommended."""
    new: dict[str, Any] = {name: tidy(value) for name, value in told.items() if value != getattr(current, name)}
    return replace(current, **new)


def tidy(value: float) -> float:
    """Round to a few digits; whole numbers stay what they are."""
    return value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")


def differences(current: Params, other: Params) -> dict[str, float]:
    """Give the settings that differ, with the other's values."""
    now, then = asdict(current), asdict(other)
    return {name: then[name] for name in space(current) if then[name] != now[name]}
