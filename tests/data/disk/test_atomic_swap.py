from __future__ import annotations

from pathlib import Path

import pytest

from data.disk.atomic_swap import replace_folder
from data.errors import InfrastructureError


def make_folder(path: Path, *file_names: str) -> Path:
    path.mkdir()
    for name in file_names:
        (path / name).touch()
    return path


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("is_atomic", [True, False])
@pytest.mark.parametrize("old", [None, (), ("old",)])
def test_the_new_folder_replaces_the_old_one_and_nothing_else_remains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: tuple[str, ...] | None, *, is_atomic: bool
) -> None:
    if not is_atomic:  # as on a file system that can't exchange folders
        monkeypatch.setattr("data.disk.atomic_swap._exchange", lambda *_: False)
    new, target = make_folder(tmp_path / "new", "a", "b"), tmp_path / "target"
    if old is not None:
        make_folder(target, *old)
    replace_folder(new, target)
    assert (names_in(target), names_in(tmp_path)) == (["a", "b"], ["target"])


def test_folders_are_exchanged_in_one_step_on_this_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, target = make_folder(tmp_path / "new", "a"), make_folder(tmp_path / "target", "old")
    monkeypatch.setattr("data.disk.atomic_swap.shutil.rmtree", lambda _: None)
    replace_folder(new, target)
    assert (names_in(target), names_in(new)) == (["a"], ["old"])


def test_a_mount_point_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="a file system is mounted there"):
        replace_folder(make_folder(tmp_path / "new"), Path("/proc"))
