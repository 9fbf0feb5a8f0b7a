from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipelines.operations.report import FOLDER, LATEST, report
from pipelines.report.build import ReportSummary, report_markdown
from pipelines.settings.load import load
from tests.pipelines.made_up import merge_all
from tests.pipelines.records import write_folder

if TYPE_CHECKING:
    from pipelines.settings.schema import Settings

WHEN = datetime(2024, 2, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_folder(tmp_path)
    settings = load(
        tmp_path / "nodeward.toml",
        [
            f"source.path={tmp_path / 'records'}",
            f"state.path={tmp_path / 'var'}",
            "clock.now=data",
            "forecast.horizons=['3d']",
            "policy.horizon=3d",
        ],
        {},
    )
    merge_all(settings)
    return settings


def test_each_report_is_kept_and_the_newest_is_also_the_latest(settings: Settings, tmp_path: Path) -> None:
    summary = report(settings, WHEN)
    folder = tmp_path / "var" / FOLDER
    assert summary.path.parent == folder
    assert datetime.strptime(summary.path.name, "%Y-%m-%dT%H%M%SZ.html").replace(tzinfo=UTC) > WHEN
    assert (folder / LATEST).read_bytes() == summary.path.read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == sorted([summary.path.name, LATEST])


def test_a_report_to_a_page_is_written_only_there(settings: Settings, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert report(settings, WHEN, str(page)).path == page
    assert page.read_bytes().startswith(b"<!DOCTYPE html>")
    assert not (tmp_path / "var" / FOLDER).exists()


@pytest.mark.parametrize(("is_simulated", "title"), [(True, "# Report on m (simulated)"), (False, "# Report on m")])
def test_the_artifact_has_the_text_at_the_top_of_the_page_and_links_to_it(is_simulated: bool, title: str) -> None:  # noqa: FBT001  - a case of the table
    summary = ReportSummary(Path("/r/a.html"), "m", is_simulated, WHEN, WHEN, "2 of 3", ("so",), (), ("careful",))
    text = report_markdown(summary)
    assert text == f"{title}\n\n**2 of 3.**\n\nso\n\ncareful\n\n[a.html](file:///r/a.html)"
