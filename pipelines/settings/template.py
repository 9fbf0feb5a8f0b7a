"""Writes the commented settings file of `nodeward init`; a test compares its values with the defaults."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from data.disk.atomic_write import atomic_file, check_output_file
from data.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def template() -> str:
    """Return the text of the settings file."""
    return resources.files("pipelines.settings").joinpath("nodeward.toml").read_text(encoding="utf-8")


def write_template(path: Path, *, force: bool) -> None:
    """Write the whole settings file or nothing; raise SettingsError if there is one already, unless `force`."""
    check_output_file(path, "--config")
    if path.exists() and not force:
        raise SettingsError(f"{path}: exists already", fix="edit it, or replace it with --force")
    with atomic_file(path) as part:
        part.write_text(template(), encoding="utf-8")
