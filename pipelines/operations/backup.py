"""Backs up and restores the state that the settings name."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from data.disk.atomic_write import atomic_file, check_output_file
from data.errors import SettingsError
from data.maintenance import backup as backups
from data.maintenance.archive import codec_of
from data.maintenance.restore import restore as restore_state
from pipelines.wiring import wiring

if TYPE_CHECKING:
    from pathlib import Path

    from data.maintenance.backup import BackupReport
    from pipelines.settings.schema import Settings


def check_archive(file: Path, settings: Settings) -> str:
    """Return the codec of an archive to write; refuse one that can't be written or would contain itself."""
    check_output_file(file, "FILE")
    if file.resolve().is_relative_to(settings.state.path.resolve()):
        raise SettingsError(f"{file}: is inside the state that it would contain", fix="name a file elsewhere")
    return codec_of(file)


def backup(settings: Settings, file: Path) -> BackupReport:
    """Write the whole state into a file, which appears only once it is complete."""
    codec = check_archive(file, settings)
    cited = wiring.registry(settings).cited_tables() if wiring.has_models(settings) else {}
    made_at = wiring.wall_clock().isoformat(timespec="seconds")
    origin = {"made_at": made_at, "made_by": f"nodeward {version('nodeward')}", "fleet": settings.fleet.name}
    with wiring.records(settings) as records, atomic_file(file) as part:
        state = backups.State(settings.state.path, wiring.store(settings), records, cited)
        return backups.backup(state, part, codec, origin)


def restore(settings: Settings, file: Path, into: Path | None, *, force: bool) -> BackupReport:
    """Restore a backup into the folder `into`, or into the folder that the settings name."""
    target = settings.state.path if into is None else into

    def url_of(folder: Path) -> str:
        state = settings.state.model_copy(update={"path": folder})
        return wiring.database_url(settings.model_copy(update={"state": state}))

    return restore_state(file, target, url_of, force=force)
