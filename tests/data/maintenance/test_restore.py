"""Backups and restores of a small complete state."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from data.delta.compaction import vacuum
from data.delta.store import Store
from data.disk.lock import exclusive_lock
from data.errors import DataError, InfrastructureError, SettingsError, SourceFileError
from data.maintenance.archive import MANIFEST, unpack, write_archive
from data.maintenance.backup import BackupReport, backup
from data.maintenance.restore import restore
from tests.data.made_up import HOUR
from tests.data.states import PROVENANCE, contents, database_url, fill_state, open_state

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT = timedelta(seconds=0.1)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original") / "var"
    fill_state(folder)
    return folder


@pytest.fixture(scope="module")
def archive(original: Path) -> Path:
    pack(original, original.parent / "b.tar.zst")
    return original.parent / "b.tar.zst"


@pytest.fixture
def state(original: Path, tmp_path: Path) -> Path:
    """Return a copy of the state that a test can change."""
    return Path(shutil.copytree(original, tmp_path / "var"))


def pack(folder: Path, file: Path, cited: dict[str, list[int]] | None = None) -> BackupReport:
    state = open_state(folder, cited)
    try:
        return backup(state, file, "zstd", PROVENANCE)
    finally:
        state.records.close()


def test_a_state_is_restored_as_it_was_in_another_folder(original: Path, archive: Path, tmp_path: Path) -> None:
    report = restore(archive, tmp_path / "a new" / "place", database_url)
    assert contents(tmp_path / "a new" / "place") == contents(original)
    assert report.tables["telemetry"] == {"version": 2, "rows": 9}
    assert report.records == {"blind": 1, "decisions": 1, "events": 2, "latest_scores": 0, "nodes": 2}
    assert [path.name for path in (tmp_path / "a new").iterdir()] == ["place"]


def test_a_restored_state_continues_like_the_old_one(archive: Path, tmp_path: Path) -> None:
    restore(archive, tmp_path / "var", database_url)
    fill_state(tmp_path / "var2", days=4)
    shutil.rmtree(tmp_path / "var" / "mlflow")
    (tmp_path / "var" / "mlflow.db").unlink()
    fill_state(tmp_path / "var", days=4)
    assert contents(tmp_path / "var")["frames"] == contents(tmp_path / "var2")["frames"]


def test_cited_versions_are_in_the_backup_and_others_are_not(original: Path, tmp_path: Path) -> None:
    pack(original, tmp_path / "b.tar.zst", {"telemetry": [0]})
    restore(tmp_path / "b.tar.zst", tmp_path / "var", database_url)
    table = Store.open(tmp_path / "var" / "tables", HOUR).telemetry.table
    assert table.at_version(0).scan().collect().height == 3
    assert vacuum(table, [0], timedelta(0)) == 0


def test_a_state_is_not_replaced_unless_forced(archive: Path, state: Path) -> None:
    before = contents(state)
    (state / "mine").touch()
    with pytest.raises(SettingsError, match=r"var: is a state already\n  → restore --into another folder"):
        restore(archive, state, database_url)
    assert (state / "mine").exists()
    restore(archive, state, database_url, force=True)
    assert not (state / "mine").exists()
    assert contents(state) == before
    assert [path.name for path in state.parent.iterdir()] == ["var"]


def test_a_state_is_restored_into_an_empty_folder(archive: Path, original: Path, tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    restore(archive, tmp_path / "var", database_url)
    assert contents(tmp_path / "var") == contents(original)


def test_a_folder_behind_a_link_is_replaced_and_the_link_stays(archive: Path, state: Path) -> None:
    link = state.parent / "link"
    link.symlink_to(state)
    restore(archive, link, database_url, force=True)
    assert link.is_symlink()
    assert contents(link) == contents(state)


def test_changes_during_a_backup_are_not_in_it(original: Path, state: Path, tmp_path: Path) -> None:
    """A database that another process is changing is copied as it was last committed."""
    with closing(sqlite3.connect(state / "mlflow.db")) as busy:
        busy.execute("PRAGMA journal_mode = WAL")
        busy.execute("INSERT INTO runs VALUES ('unfinished')")
        pack(state, tmp_path / "b.tar.zst")
        busy.rollback()
    restore(tmp_path / "b.tar.zst", tmp_path / "other", database_url)
    assert contents(tmp_path / "other") == contents(original)
    assert not list((tmp_path / "other").glob("*-wal"))


def test_a_backup_waits_for_another_writer_and_reports_it(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.maintenance.backup.LOCK_TIMEOUT", TIMEOUT)
    with (
        exclusive_lock(state / "tables" / "ingest.lock", TIMEOUT),
        pytest.raises(InfrastructureError, match="is writing to the same state"),
    ):
        pack(state, tmp_path / "b.tar.zst")


def test_a_restore_waits_for_another_writer_and_reports_it(
    archive: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.maintenance.restore.LOCK_TIMEOUT", TIMEOUT)
    before = contents(state)
    with (
        exclusive_lock(state / "tables" / "ingest.lock", TIMEOUT),
        pytest.raises(InfrastructureError, match="is writing to the same state"),
    ):
        restore(archive, state, database_url, force=True)
    assert contents(state) == before


def test_a_damaged_archive_leaves_the_old_state(archive: Path, state: Path) -> None:
    before, content = contents(state), archive.read_bytes()
    (state.parent / "cut.tar.zst").write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceFileError, match="nothing was changed"):
        restore(state.parent / "cut.tar.zst", state, database_url, force=True)
    assert contents(state) == before
    assert sorted(path.name for path in state.parent.iterdir()) == ["cut.tar.zst", "var"]


def forge(archive: Path, folder: Path, members: Mapping[str, bytes | None] | None = None, **entries: object) -> Path:
    """Pack the members of an archive again, with other members, other entries in the manifest, and right hashes."""
    (folder / "plain").mkdir()
    manifest = unpack(archive, folder / "plain")
    del manifest["files"], manifest["format"]
    for name, content in (members or {}).items():
        (folder / "plain" / name).unlink()
        if content is not None:
            (folder / "plain" / name).write_bytes(content)
    with write_archive(folder / "forged.tar.zst", "zstd") as writer:
        for file in sorted(path for path in (folder / "plain").rglob("*") if path.is_file()):
            writer.add(file.relative_to(folder / "plain").as_posix(), file)
        writer.write_manifest({**manifest, **entries})
    return folder / "forged.tar.zst"


def test_rows_and_versions_must_match_the_manifest(archive: Path, tmp_path: Path) -> None:
    forged = forge(archive, tmp_path, tables={"telemetry": {"version": 2, "rows": 8}})
    with pytest.raises(SourceFileError, match=r"table telemetry holds \{.version.: 2, .rows.: 9\}, not"):
        restore(forged, tmp_path / "var", database_url)
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize(
    "entries",
    [
        {"fleet": None},
        {"made_at": 2024},
        {"tables": ["telemetry"]},
        {"records": None},
        {"records": {}},
        {"records": {"../events": 2}},
        {"schema_version": "3"},
        {"schema_version": 2.5},
        {"schema_version": True},
        {"schema_version": 0},
    ],
)
def test_an_invalid_manifest_is_refused(archive: Path, tmp_path: Path, entries: dict[str, object]) -> None:
    with pytest.raises(SourceFileError, match="nothing was changed"):
        restore(forge(archive, tmp_path, None, **entries), tmp_path / "var", database_url)
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("member", ["records/events.parquet", "tables/telemetry/_delta_log/00000000000000000000.json"])
@pytest.mark.parametrize("content", [b"junk", None])
def test_an_archive_with_invalid_members_is_refused(
    archive: Path, tmp_path: Path, member: str, content: bytes | None
) -> None:
    with pytest.raises(SourceFileError, match="nothing was changed"):
        restore(forge(archive, tmp_path, {member: content}), tmp_path / "var", database_url)
    assert not (tmp_path / "var").exists()


def test_records_that_violate_a_table_are_refused(archive: Path, tmp_path: Path) -> None:
    pl.DataFrame({key: [None, None] for key in ("node", "start", "kind", "cause", "source")}).write_parquet(
        tmp_path / "bad.parquet"
    )
    bad = {"records/events.parquet": (tmp_path / "bad.parquet").read_bytes()}
    with pytest.raises(SourceFileError, match="is no backup"):
        restore(forge(archive, tmp_path, bad), tmp_path / "var", database_url)


def test_simultaneous_restores_leave_one_complete_state(archive: Path, original: Path, tmp_path: Path) -> None:
    def run(_: int) -> str:
        try:
            restore(archive, tmp_path / "var", database_url)
        except SettingsError as refused:
            return str(refused)
        return "restored"

    with ThreadPoolExecutor(3) as pool:
        first, second, last = sorted(pool.map(run, range(3)))
    assert last == "restored"
    assert "is a state already" in first
    assert "is a state already" in second
    assert contents(tmp_path / "var") == contents(original)
    assert [path.name for path in tmp_path.iterdir()] == ["var"]


def test_a_state_that_was_created_during_a_restore_is_not_replaced(archive: Path, tmp_path: Path) -> None:
    def url_of(folder: Path) -> str:
        (tmp_path / "var").mkdir()
        (tmp_path / "var" / "mine").touch()
        return database_url(folder)

    with pytest.raises(SettingsError, match="is a state already"):
        restore(archive, tmp_path / "var", url_of)
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["mine"]


def test_files_behind_links_are_in_a_backup_and_circular_links_are_ignored(state: Path, tmp_path: Path) -> None:
    (tmp_path / "large disk" / "run2").mkdir(parents=True)
    (tmp_path / "large disk" / "run2" / "model.txt").write_text("another tree")
    (state / "mlflow" / "elsewhere").symlink_to(tmp_path / "large disk")
    (state / "mlflow" / "run" / "up").symlink_to(state / "mlflow")
    (state / "top").symlink_to(state)
    (state / "mlflow" / "nowhere").symlink_to(tmp_path / "nothing")
    (state / "backtest-2024.json").write_text("{}")
    (state / "backtest-abc").mkdir()
    (state / "backtest-abc" / "telemetry").touch()
    pack(state, tmp_path / "b.tar.zst")
    restore(tmp_path / "b.tar.zst", tmp_path / "other", database_url)
    files = {path.relative_to(tmp_path / "other").as_posix() for path in (tmp_path / "other").rglob("*.[tj]*")}
    others = {path for path in files if not path.startswith("tables/")}
    assert others == {"mlflow/run/model.txt", "mlflow/elsewhere/run2/model.txt", "backtest-2024.json"}


def test_a_backup_of_a_newer_nodeward_is_refused(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has tables of version 99"):
        restore(forge(archive, tmp_path, schema_version=99), tmp_path / "var", database_url)


def test_a_backup_of_an_older_nodeward_is_upgraded(archive: Path, original: Path, tmp_path: Path) -> None:
    restore(forge(archive, tmp_path, schema_version=1), tmp_path / "var", database_url)
    assert contents(tmp_path / "var") == contents(original)


def test_the_manifest_lists_the_content_of_an_archive(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    manifest = unpack(archive, tmp_path / "plain")
    assert (manifest["fleet"], manifest["made_at"]) == (PROVENANCE["fleet"], PROVENANCE["made_at"])
    assert {"mlflow.db", "mlflow/run/model.txt", "records/events.parquet"} < set(manifest["files"])
    assert not {MANIFEST, "nodeward.db", "tables/ingest.lock"} & set(manifest["files"])


SCRIPT = """
import resource, sys
from pathlib import Path
from data.errors import DiskFullError
from data.maintenance.restore import restore
from tests.data.states import database_url
from tests.data.maintenance.test_restore import pack
what, first, second, limit = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
print("ready", flush=True)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    restore(first, second, database_url, force=True) if what == "restore" else pack(first, second)
except DiskFullError as full:
    print(full)
"""


def command(what: str, first: Path, second: Path, limit: int = 0) -> list[str]:
    return [sys.executable, "-B", "-c", SCRIPT, what, str(first), str(second), str(limit)]


@pytest.mark.parametrize("after_ms", [2, 10, 25, 60])
def test_a_restore_that_is_killed_leaves_the_old_state_or_the_new_one(
    archive: Path, state: Path, after_ms: int
) -> None:
    before = contents(state)
    (state / "mine").touch()
    with subprocess.Popen(command("restore", archive, state), stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  - the script above
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            process.wait(after_ms / 1000)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
    assert contents(state) == before
    restore(archive, state, database_url, force=True)
    assert contents(state) == before
    assert [path.name for path in state.parent.iterdir()] == ["var"]


def test_a_full_disk_is_reported_and_leaves_the_old_state(archive: Path, state: Path) -> None:
    before = contents(state)
    done = subprocess.run(command("restore", archive, state, 4096), check=True, capture_output=True, text=True)  # noqa: S603  - the script above
    assert "free some space, or move state.path to a larger disk" in done.stdout
    assert contents(state) == before
    assert [path.name for path in state.parent.iterdir()] == ["var"]


def test_a_disk_too_full_for_the_archive_is_reported(original: Path, tmp_path: Path) -> None:
    call = command("backup", original, tmp_path / "b.tar.zst", 16_384)
    done = subprocess.run(call, check=True, capture_output=True, text=True)  # noqa: S603  - the script above
    assert "free some space" in done.stdout
