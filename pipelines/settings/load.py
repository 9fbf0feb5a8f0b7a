"""The only place that reads settings: a TOML file, overridden by NODEWARD_* variables, overridden by --set."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from pipelines.settings.cadence import contradictions, with_derived
from pipelines.settings.environment import environment
from pipelines.settings.errors import combine, explain
from pipelines.settings.layers import WrittenValue, environment_layer, file_layer, folder_layer, merge, override_layer
from pipelines.settings.schema import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

CONFIG: Final = "nodeward.toml"


def load(path: Path, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Settings:
    """Read and validate the settings; raise SettingsError with the key, its value and where it was written."""
    variables = environment() if environ is None else environ
    return _read(file_layer(path), overrides, variables)


def load_folder(folder: Path, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Settings:
    """Load the settings file `nodeward.toml` of a folder; without one, return the defaults for a folder of records.

    By these, the state folder is `var` inside it.

    Raises:
        SettingsError: if the folder holds neither settings nor an inventory as Parquet or CSV, or a setting is wrong.
    """
    if (folder / CONFIG).exists():
        return load(folder / CONFIG, overrides, environ)
    variables = environment() if environ is None else environ
    return _read(folder_layer(folder), overrides, variables)


def _read(base: Sequence[WrittenValue], overrides: Sequence[str], environ: Mapping[str, str]) -> Settings:
    written = [*base, *environment_layer(environ, Settings.model_fields), *override_layer(overrides)]
    settings = with_derived(_validate(written))
    if problems := list(contradictions(settings, written)):
        raise combine(problems)
    return settings


def _validate(written: Sequence[WrittenValue]) -> Settings:
    try:
        return Settings.model_validate(merge(written))
    except ValidationError as error:
        plain = _as_strings(error, written)
        if plain != written:
            return _validate(plain)
        raise explain(error, written) from None


def _as_strings(error: ValidationError, written: Sequence[WrittenValue]) -> list[WrittenValue]:
    """Keep values from outside TOML as plain text where a string is required: `--set fleet.name=42`."""
    text_keys = {tuple(map(str, detail["loc"])) for detail in error.errors() if detail["type"] == "string_type"}
    return [
        replace(item, value=item.raw, raw=None) if item.raw is not None and item.path in text_keys else item
        for item in written
    ]
