import errno
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy.exc import OperationalError

from data.errors import ColumnError, DiskFullError, InfrastructureError, NodewardError, SettingsError, UnreachableError
from pipelines.output.command_errors import LOG_NAME, as_nodeward_error, print_error, report_bug

NOW = datetime(2024, 5, 1, tzinfo=UTC)


def caused_by(cause: BaseException) -> Exception:
    error = RuntimeError("a library's own words")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("wrap", [lambda error: error, caused_by, lambda error: caused_by(caused_by(error))])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SettingsError("a", fix="b"), SettingsError),
        (ColumnError("a", fix="b"), ColumnError),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), DiskFullError),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), DiskFullError),
        (OSError(errno.EACCES, "Permission denied", "/x"), InfrastructureError),
        (OSError(errno.EROFS, "Read-only file system", "/x"), InfrastructureError),
        (OSError(errno.EMFILE, "Too many open files"), InfrastructureError),
        (MemoryError(), InfrastructureError),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), UnreachableError),
        (TimeoutError("timed out"), UnreachableError),
    ],
)
def test_a_known_error_is_recognised_however_deep_its_cause(
    error: Exception, kind: type[NodewardError], wrap: object
) -> None:
    assert callable(wrap)
    assert type(as_nodeward_error(wrap(error))) is kind


@pytest.mark.parametrize(
    "error", [KeyError("x"), ValueError("x"), FileNotFoundError(errno.ENOENT, "no", "/x"), RuntimeError()]
)
def test_anything_else_is_a_bug(error: Exception) -> None:
    assert as_nodeward_error(error) is None


def test_an_exception_that_was_being_handled_does_not_excuse_a_bug() -> None:
    error = KeyError("x")
    error.__context__ = SettingsError("a", fix="b")
    assert as_nodeward_error(error) is None


def test_a_full_disk_is_known_by_name_and_place() -> None:
    error = as_nodeward_error(OSError(errno.ENOSPC, "No space left on device", "/x/y"))
    assert "/x/y" in str(error)


def test_a_database_fault_of_no_known_kind_is_a_bug() -> None:
    assert as_nodeward_error(OperationalError("select", {}, Exception("syntax"))) is None


def printed(action: object) -> str:
    out = io.StringIO()
    assert callable(action)
    action(Console(file=out, width=40))
    return out.getvalue()


def test_an_error_is_printed_in_one_block_without_markup_or_broken_lines() -> None:
    error = SettingsError("[bold]" + "x" * 100, fix="write [red]")
    assert printed(lambda console: print_error(error, console)) == f"error: [bold]{'x' * 100}\n  → write [red]\n"


def bug() -> Exception:
    metrics: dict[str, int] = {}
    with pytest.raises(KeyError) as caught:
        metrics["boot_n"]
    return caught.value


def test_a_bug_leaves_its_traceback_in_the_log_and_one_line_on_the_console(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    text = printed(lambda console: report_bug(bug(), folder, NOW, console))
    log = (folder / LOG_NAME).read_text()
    assert text.count("\n") == 1
    assert str(folder / LOG_NAME) in text
    assert "KeyError: 'boot_n'" in text
    assert log.startswith("2024-05-01T00:00:00+00:00")
    assert "Traceback (most recent call last)" in log


def test_the_log_is_appended_to(tmp_path: Path) -> None:
    for _ in range(2):
        printed(lambda console: report_bug(bug(), tmp_path, NOW, console))
    assert (tmp_path / LOG_NAME).read_text().count("Traceback") == 2


def test_a_bug_without_a_log_to_write_to_is_printed_whole(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "Traceback" in printed(lambda console: report_bug(bug(), tmp_path / "file", NOW, console))
    assert "the settings were not read yet" in printed(lambda console: report_bug(bug(), None, NOW, console))
