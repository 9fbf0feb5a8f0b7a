"""Settings are read here and nowhere else: one TOML file, NODEWARD_* variables over it, --set over both."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from data.errors import SettingsError
from pipelines.settings_errors import explain, wrong_value
from pipelines.settings_layers import NESTING, PREFIX, Written, environment_layer, file_layer, merge, override_layer
from pipelines.settings_shape import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


# LightGBM's threads spin while they wait for each other: on a machine that does anything else at the time, a fit takes
# many times as long. So few turns cost an idle machine nothing; none would double a fit. Read as OpenMP is loaded.
PATIENT_THREADS: Final = {"GOMP_SPINCOUNT": "3000"}


def load(path: Path, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Settings:
    """Read and validate the settings; raise SettingsError naming the key, its value and where it was written."""
    variables = os.environ if environ is None else environ
    written = [
        *file_layer(path),
        *environment_layer(variables, Settings.model_fields),
        *override_layer(overrides),
    ]
    settings = _validate(written)
    _check_policy(settings, written)
    return settings


def variable(name: str) -> str:
    """Read an environment variable of another program's; empty if it is not set."""
    return os.environ.get(name, "")


def variables() -> tuple[str, ...]:
    """Name the environment variables that override settings."""
    return tuple(sorted(name for name in os.environ if name.startswith(PREFIX) and NESTING in name))


def set_default_variables(defaults: Mapping[str, str]) -> None:
    """Set environment variables of libraries that read nothing else, where the user has not set them."""
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def reach_without_proxy(host: str) -> None:
    """Add a host to those that no proxy stands before."""
    for name in ("no_proxy", "NO_PROXY"):
        hosts = [known for known in os.environ.get(name, "").split(",") if known]
        if host not in hosts:
            os.environ[name] = ",".join([*hosts, host])


def _validate(written: Sequence[Written]) -> Settings:
    try:
        return Settings.model_validate(merge(written))
    except ValidationError as error:
        plain = _as_strings(error, written)
        if plain != written:
            return _validate(plain)
        raise explain(error, written) from None


def _as_strings(error: ValidationError, written: Sequence[Written]) -> list[Written]:
    """Take values from outside TOML as plain text where a string is wanted: `--set fleet.name=42`."""
    wanted = {tuple(map(str, detail["loc"])) for detail in error.errors() if detail["type"] == "string_type"}
    return [
        replace(item, value=item.raw, raw=None) if item.raw is not None and item.path in wanted else item
        for item in written
    ]


def _check_policy(settings: Settings, written: Sequence[Written]) -> None:
    longest = settings.forecast.horizons_days[-1]
    if settings.policy.horizon_days > longest:
        what = wrong_value(
            ("policy", "horizon_days"),
            settings.policy.horizon_days,
            f"beyond the longest of forecast.horizons_days, {longest:g}",
            written,
        )
        raise SettingsError(what, mend="shorten it, or add a longer one to forecast.horizons_days")
