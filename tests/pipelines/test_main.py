import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import polars as pl
import pytest

from data.errors import DiskFullError, EmptyTableError, SettingsError
from pipelines.commands.options import prepare
from pipelines.main import main
from pipelines.output.command_errors import LOG_NAME
from pipelines.settings.environment import variable
from pipelines.settings.template import template

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a settings file and a source of two nodes, one of which failed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nodeward.toml").write_text(template())
    (tmp_path / "records").mkdir()
    start = datetime(2024, 1, 1, tzinfo=UTC)
    pl.DataFrame({"node": ["a", "b"], "observed_from": [start, start]}).write_parquet("records/nodes.parquet")
    pl.DataFrame({"node": ["a"], "start": [start], "end": [start], "kind": ["failure"]}).write_parquet(
        "records/events.parquet"
    )
    return tmp_path


def raising(error: BaseException) -> Callable[..., None]:
    def act(*_: object) -> None:
        raise error

    return act


def test_init_then_check_works_and_shows_what_the_records_can_prove(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--config", "other.toml"]) == 0
    assert main(["check", "--config", "other.toml", "--json", "out.json"]) == 0
    out = capsys.readouterr().out
    assert "1 failures of 2 nodes" in out
    assert "fewer than model.min_failures = 50" in out
    report = json.loads((folder / "out.json").read_text())
    assert report["evidence"]["failures"] == 1
    assert [finding["error"] for finding in report["findings"]] == [None] * 5


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nodeward {metadata.version('nodeward')}\n"


def test_init_keeps_an_existing_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "nodeward.toml").write_text("mine")
    assert main(["init"]) == 2
    assert "--force" in capsys.readouterr().err
    assert (folder / "nodeward.toml").read_text() == "mine"
    assert main(["init", "--force"]) == 0
    assert (folder / "nodeward.toml").read_text() == template()


@pytest.mark.parametrize("arguments", [["--nope"], ["check", "--nope"], ["nope"], ["check", "--config"], []])
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    assert main(arguments) == 2


@pytest.mark.usefixtures("folder")
def test_a_settings_typo_is_2_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--set", "fleet.nam=x"]) == 2
    err = capsys.readouterr().err
    assert "error: fleet.nam" in err
    assert "→ did you mean fleet.name?" in err
    assert "Traceback" not in err


@pytest.mark.usefixtures("folder")
def test_a_missing_settings_file_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-c", "none.toml"]) == 2
    assert "nodeward init" in capsys.readouterr().err


def test_an_output_file_that_can_not_be_written_is_refused_before_any_work(folder: Path) -> None:
    assert main(["check", "--json", "none/out.json"]) == 2
    assert not (folder / "var").exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("a", fix="b"), 2),
        (EmptyTableError("a"), 3),
        (DiskFullError("a", "b"), 4),
        (OSError(28, "No space left on device", "x"), 4),
        (KeyError("a"), 1),
        (pl.exceptions.PanicException("a Rust panic, which is not an Exception"), 1),
    ],
)
@pytest.mark.usefixtures("folder")
def test_each_kind_of_fault_has_its_exit_code(error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.analysis.check.check", raising(error))
    assert main(["check"]) == code


@pytest.mark.usefixtures("folder")
def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.analysis.check.check", interrupt)
    assert main(["check"]) == 130


def test_a_bug_is_1_and_its_traceback_is_in_the_state_folders_log(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipelines.analysis.check.check", raising(KeyError("boot_n")))
    assert main(["check", "--set", "state.path=elsewhere"]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"elsewhere/{LOG_NAME}" in err
    assert "Traceback" in (folder / "elsewhere" / LOG_NAME).read_text()


def test_a_missing_source_is_3_and_the_rest_is_still_checked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--set", "source.path=none", "--set", "tracking.uri=http://127.0.0.1:1", "--json", "-"]) == 3
    captured = capsys.readouterr()
    codes = [finding["error"] and finding["error"]["exit_code"] for finding in json.loads(captured.out)["findings"]]
    assert codes == [3, None, None, 4, None]
    assert captured.err.startswith("error: none: no such folder")
    assert folder.joinpath("var").is_dir()


@pytest.mark.parametrize("path", ["file", "file/var"])
def test_a_state_folder_that_is_a_file_is_2(folder: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "file").write_text("")
    assert main(["check", "--set", f"state.path={path}"]) == 2
    assert f"state.path = {path}: is a file" in capsys.readouterr().err


def test_a_real_process_ends_with_the_same_codes(folder: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipelines.main", *arguments]
        environ = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "NODEWARD_FLEET__NAME": "x"}
        return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)  # noqa: S603  - the interpreter that runs this test

    assert run("check").returncode == 0
    wrong = run("check", "--set", "model.seeds=0")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("error: model.seeds = 0 (--set model.seeds)")


def test_waiting_threads_of_lightgbm_soon_sleep_unless_the_user_sets_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    prepare(verbose=False)
    assert variable("GOMP_SPINCOUNT") == "3000"
    monkeypatch.setenv("GOMP_SPINCOUNT", "1")
    prepare(verbose=False)
    assert variable("GOMP_SPINCOUNT") == "1"
