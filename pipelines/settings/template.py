"""The commented settings file that `nodeward init` writes; a test holds its values to the defaults."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from data.disk.atomic_write import check_target, whole_file
from data.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def template() -> str:
    """Give the text of the settings file."""
    return resources.files("pipelines.settings").joinpath("nodeward.toml").read_text(encoding="utf-8")


def write_template(path: Path, *, force: bool) -> None:
    """Write the settings file whole; raise SettingsError if there is one and `force` does not say to replace it."""
    check_target(path, "--config")
    if path.exists() and not force:
        raise SettingsError(f"{path}: is there already", fix="edit it, or replace it with --force")
    with whole_file(path) as part:
        part.write_text(template(), encoding="utf-8")
