"""Keeps horizons, cadence, buckets and windows consistent, and derives those that are left out from the others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from data.durations import format_duration
from data.time_grid import MICROSECOND
from pipelines.settings.errors import Problem, line_to_write, shown, wrong_value
from pipelines.settings.field_types import round_length

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from pipelines.settings.layers import WrittenValue
    from pipelines.settings.schema import Settings

HORIZONS: Final = ("forecast", "horizons")
EVERY: Final = ("forecast", "every")
WIDTH: Final = ("buckets", "width")
WINDOWS: Final = ("features", "windows")
POLICY_HORIZON: Final = ("policy", "horizon")


def with_derived(settings: Settings) -> Settings:
    """Return the settings with the keys that were left out, and whose defaults would contradict the horizons, derived.

    - `forecast.every`: 1d, or where the shortest horizon is shorter the longest of 12h, 8h, 6h, 4h, 3h, 2h, 1h, 30m …
      up to it (which buckets.width divides, if that is written);
    - `buckets.width`: the longest width up to 1d that divides forecast.every and each of features.windows;
    - `policy.horizon`: 7d, or else the longest horizon up to 7d, or if all are longer the shortest one.
    """
    forecast, buckets, policy = settings.forecast, settings.buckets, settings.policy
    if "every" not in forecast.model_fields_set:
        step = buckets.width if "width" in buckets.model_fields_set else MICROSECOND
        forecast = forecast.model_copy(update={"every": _every(forecast.every, forecast.horizons[0], step)})
    if "width" not in buckets.model_fields_set:
        width = _greatest_common_divisor(buckets.width, forecast.every, *settings.features.windows)
        buckets = buckets.model_copy(update={"width": width})
    if "horizon" not in policy.model_fields_set:
        policy = policy.model_copy(update={"horizon": _policy_horizon(policy.horizon, forecast.horizons)})
    return settings.model_copy(update={"forecast": forecast, "buckets": buckets, "policy": policy})


def contradictions(settings: Settings, written: Sequence[WrittenValue]) -> Iterator[Problem]:
    """Yield what is wrong between keys that are each right, with the line to write."""
    yield from _first_horizon(settings, written)
    yield from _width(settings, written)
    yield from _windows(settings, written)
    yield from _horizon_of_policy(settings, written)


def _every(default: timedelta, first_horizon: timedelta, step: timedelta) -> timedelta:
    if first_horizon >= default:
        return default
    return round_length(first_horizon, step) or round_length(first_horizon) or default


def _policy_horizon(default: timedelta, horizons: Sequence[timedelta]) -> timedelta:
    return max((horizon for horizon in horizons if horizon <= default), default=horizons[0])


def _first_horizon(settings: Settings, written: Sequence[WrittenValue]) -> Iterator[Problem]:
    horizons, every = settings.forecast.horizons, settings.forecast.every
    if horizons[0] >= every:
        return
    why = (
        f"begins with {format_duration(horizons[0])}, which ends before the next score "
        f"(forecast.every = {shown(every)}): nobody would be warned of what comes in between"
    )
    oftener = _every(every, horizons[0], settings.buckets.width)
    fix = f"write {line_to_write(EVERY, oftener, written)}"
    if oftener % settings.buckets.width and any(item.path == WIDTH for item in written):
        width = _greatest_common_divisor(oftener, settings.buckets.width)
        fix = f"{fix} and {_width_line(width, written)}"
    if later := tuple(horizon for horizon in horizons if horizon >= every):
        fix = f"{fix}, or {line_to_write(HORIZONS, later, written)}"
    yield Problem(wrong_value(HORIZONS, horizons, why, written), fix)


def _width(settings: Settings, written: Sequence[WrittenValue]) -> Iterator[Problem]:
    width, every = settings.buckets.width, settings.forecast.every
    if every % width:
        why = f"does not divide forecast.every = {shown(every)}, so scores would be due in the middle of a bucket"
        line = line_to_write(WIDTH, _greatest_common_divisor(width, every), written)
        yield Problem(wrong_value(WIDTH, width, why, written), f"write {line}")


def _windows(settings: Settings, written: Sequence[WrittenValue]) -> Iterator[Problem]:
    width, windows = settings.buckets.width, settings.features.windows
    if wrong := [format_duration(window) for window in windows if window % width]:
        why = f"{' and '.join(wrong)} can't be made of whole buckets (buckets.width = {shown(width)})"
        fix = f"write {_width_line(_greatest_common_divisor(width, *windows), written)}"
        if len(rounded := tuple(dict.fromkeys(-(-window // width) * width for window in windows))) > 1:
            fix = f"{fix}, or {line_to_write(WINDOWS, rounded, written)}"
        yield Problem(wrong_value(WINDOWS, windows, why, written), fix)


def _horizon_of_policy(settings: Settings, written: Sequence[WrittenValue]) -> Iterator[Problem]:
    horizon, horizons = settings.policy.horizon, settings.forecast.horizons
    if horizon not in horizons:
        listed = ", ".join(map(format_duration, horizons))
        nearest = min(horizons, key=lambda other: abs(math.log(other / horizon)))
        line = line_to_write(POLICY_HORIZON, nearest, written)
        yield Problem(
            wrong_value(POLICY_HORIZON, horizon, f"not one of forecast.horizons: {listed}", written),
            f"write {line}, choose another one of {listed}, or add it to forecast.horizons and train again",
        )


def _width_line(width: timedelta, written: Sequence[WrittenValue]) -> str:
    """Return the line for the width of buckets, with its table: the key that is wrong is in another one."""
    line = line_to_write(WIDTH, width, written)
    return f"{line} in [{WIDTH[0]}]" if line.startswith(WIDTH[1]) and "]" not in line else line


def _greatest_common_divisor(*lengths: timedelta) -> timedelta:
    return MICROSECOND * math.gcd(*(length // MICROSECOND for length in lengths))
