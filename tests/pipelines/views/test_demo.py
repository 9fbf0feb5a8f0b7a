from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.views.demo import NEXT, program

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_the_command_to_type_is_the_called_path_if_a_shell_would_not_find_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program(".venv/bin/nodeward") == ".venv/bin/nodeward"
    executable = tmp_path / "nodeward"
    executable.touch(mode=0o755)
    assert program(".venv/bin/nodeward") == "nodeward"


def test_a_run_as_a_module_is_called_by_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program("/somewhere/pipelines/main.py") == "nodeward"


def test_three_commands_come_next() -> None:
    assert [command.split()[0] for command, _ in NEXT] == ["init", "check", "backtest"]
