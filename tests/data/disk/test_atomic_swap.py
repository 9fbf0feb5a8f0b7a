from __future__ import annotations

from pathlib import Path

import pytest

from data.disk.atomic_swap import swap
from data.errors import InfrastructureError


def folder(path: Path, *names: str) -> Path:
    path.mkdir()
    for name in names:
        (path / name).touch()
    return path


def names(path: Path) -> list[str]:
    return sorted(one.name for one in path.iterdir())


@pytest.mark.parametrize("is_atomic", [True, False])
@pytest.mark.parametrize("old", [None, (), ("old",)])
def test_the_new_folder_takes_the_old_ones_place_and_nothing_is_left_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: tuple[str, ...] | None, *, is_atomic: bool
) -> None:
    if not is_atomic:  # as on a file system that knows no exchange
        monkeypatch.setattr("data.disk.atomic_swap._exchange", lambda *_: False)
    new, target = folder(tmp_path / "new", "a", "b"), tmp_path / "target"
    if old is not None:
        folder(target, *old)
    swap(new, target)
    assert (names(target), names(tmp_path)) == (["a", "b"], ["target"])


def test_folders_are_exchanged_in_one_step_on_this_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new, target = folder(tmp_path / "new", "a"), folder(tmp_path / "target", "old")
    monkeypatch.setattr("data.disk.atomic_swap.shutil.rmtree", lambda _: None)
    swap(new, target)
    assert (names(target), names(new)) == (["a"], ["old"])


def test_where_a_file_system_is_mounted_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="a file system is mounted there"):
        swap(folder(tmp_path / "new"), Path("/proc"))
