"""Which settings are tuned, and in which ranges: few and narrow ones, since few failures can't distinguish many."""

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
    "half_life_days": (180.0, 365.0, 730.0, 3650.0),  # few: each needs a fit of the linear model
    "bins": (63, 127, 255),  # few: each needs a binning of the rows
}
DIGITS: Final = 3  # of a recommended setting


def search_space(current: Params) -> Space:
    """Return the range of each tuned setting, widened to include today's value.

    A share of the trees that training chooses (0) is not tuned.
    """
    shares = {name: limits for name, limits in SHARES.items() if getattr(current, name)}
    today = {name: getattr(current, name) for name in (*INTEGERS, *POSITIVES, *shares)}
    space: Space = {}
    for name, (low, high) in INTEGERS.items():
        space[name] = IntDistribution(min(low, today[name]), max(high, today[name]), log=True)
    for name, (least, most) in POSITIVES.items():
        is_log = today[name] > 0  # l2 may be 0
        space[name] = FloatDistribution(min(least, today[name]), max(most, today[name]), log=is_log)
    for name, (least, most) in shares.items():
        space[name] = FloatDistribution(min(least, today[name]), max(most, today[name]))
    for name, choices in CHOICES.items():
        space[name] = CategoricalDistribution(sorted({*choices, getattr(current, name)}))
    return space


def tuned_values(current: Params) -> dict[str, float]:
    """Return today's values of the tuned settings."""
    return {name: value for name, value in asdict(current).items() if name in search_space(current)}


def with_values(current: Params, values: Mapping[str, float]) -> Params:
    """Set tuned values, rounded as they are recommended: the rounded ones are evaluated."""
    changes: dict[str, Any] = {
        name: rounded(value) for name, value in values.items() if value != getattr(current, name)
    }
    return replace(current, **changes)


def rounded(value: float) -> float:
    """Round to a few significant digits; integers stay as they are."""
    return value if isinstance(value, int) else float(f"{value:.{DIGITS}g}")


def differences(current: Params, changed: Params) -> dict[str, float]:
    """Return the changed values of the settings that differ."""
    before, after = asdict(current), asdict(changed)
    return {name: after[name] for name in search_space(current) if after[name] != before[name]}
