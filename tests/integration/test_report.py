"""The report as a browser shows it: wide and narrow, light and dark, with nothing but the file itself."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pytest

from pipelines.report.render import render
from tests.integration.chromium import running
from tests.models.replays import made_up
from tests.pipelines.report.reports import (
    HOSTILE,
    contents,
    every_six_hours,
    low_support,
    quiet,
    renamed,
    whole,
    without_telemetry,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from pipelines.report.values.contents import Contents

Scheme = Literal["light", "dark"]
WIDE, NARROW = 1400, 390
MIN_TEXT = 10.0  # pixels on the screen
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"
TEXT_SIZES = """() => [...document.querySelectorAll('svg text')]
    .filter(text => text.getBoundingClientRect().width > 0)
    .map(text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"""
OUTSIDE_TEXTS = """() => [...document.querySelectorAll('svg[role=img]')].flatMap(picture => {
    const edge = picture.getBoundingClientRect();
    return [...picture.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()])
        .filter(([_, place]) => place.width && (place.left < edge.left - 1 || place.right > edge.right + 1))
        .map(([words, _]) => words)})"""
COLOURS = """() => ['color', 'backgroundColor'].map(name => getComputedStyle(document.body)[name]
    .match(/\\d+/g).slice(0, 3).map(Number).reduce((sum, part) => sum + part, 0))"""


@dataclass(frozen=True, slots=True)
class OpenPage:
    """A page in the browser, with its network requests and its messages on the console."""

    page: Page
    requests: list[str]
    messages: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    simulated = replace(contents(renamed(made_up(), HOSTILE)), is_simulated=True)
    pages: dict[str, Contents] = {
        "whole": whole(),
        "simulated": simulated,
        "low": low_support(),
        "quiet": contents(quiet(made_up())),
        "bare": contents(without_telemetry(made_up())),
        "hours": every_six_hours(),
    }
    for name, page in pages.items():
        (folder / f"{name}.html").write_text(render(page), encoding="utf-8")
    return folder


@contextmanager
def open_page(
    browser: Browser, file: Path, width: int, scheme: Scheme = "light", *, script: bool = True
) -> Iterator[OpenPage]:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
    )
    page = context.new_page()
    opened = OpenPage(page, [], [])
    page.on("request", lambda request: opened.requests.append(request.url))
    page.on("console", lambda message: opened.messages.append(message.text))
    page.on("pageerror", lambda error: opened.messages.append(str(error)))
    try:
        page.goto(file.as_uri())
        yield opened
    finally:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", ["whole", "simulated", "low", "quiet", "bare", "hours"])
def test_a_page_has_no_overflow_no_requests_and_no_console_messages(
    browser: Browser, folder: Path, name: str, width: int, scheme: Scheme
) -> None:
    file = folder / f"{name}.html"
    with open_page(browser, file, width, scheme) as opened:
        assert opened.page.evaluate(OVERFLOW) <= 0
        assert opened.page.evaluate(OUTSIDE_TEXTS) == []
        assert min(opened.page.evaluate(TEXT_SIZES)) >= MIN_TEXT
        assert [url for url in opened.requests if not url.startswith("data:")] == [file.as_uri()]
        assert opened.messages == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_section_has_its_figure_in_sight(browser: Browser, folder: Path, width: int) -> None:
    with open_page(browser, folder / "whole.html", width) as opened:
        for section in ("caught", "budget", "calibration", "lead", "timeline", "mistakes"):
            pictures = opened.page.locator(f"#{section} svg[role=img] >> visible=true")
            assert pictures.count() >= 1, section
            box = pictures.first.bounding_box()
            assert box is not None
            assert box["width"] > 300
            assert box["height"] > 50
        assert opened.page.locator("#now table >> visible=true").count() == 1
        assert opened.page.locator("#lead table >> visible=true").count() == 1
        assert opened.page.locator("#parts table >> visible=true").count() == 6


def test_dark_is_dark_and_light_is_light(browser: Browser, folder: Path) -> None:
    with (
        open_page(browser, folder / "whole.html", WIDE) as light,
        open_page(browser, folder / "whole.html", WIDE, "dark") as dark,
    ):
        (ink, paper), (dark_ink, dark_paper) = light.page.evaluate(COLOURS), dark.page.evaluate(COLOURS)
    assert paper - ink > 500
    assert dark_ink - dark_paper > 500


@pytest.mark.parametrize(("name", "first", "last"), [("whole", "1d", "7d"), ("hours", "6h", "1d")])
def test_a_horizon_can_be_selected_without_scripts(
    browser: Browser, folder: Path, name: str, first: str, last: str
) -> None:
    with open_page(browser, folder / f"{name}.html", WIDE, script=False) as opened:
        for selected, hidden in ((last, first), (first, last)):
            opened.page.locator(f"#within-{selected}").check(force=True)
            assert opened.page.locator(f".within-{selected} >> visible=true").count() == 3
            assert opened.page.locator(f".within-{hidden} >> visible=true").count() == 0


def test_a_name_that_is_a_script_is_shown_and_not_run(browser: Browser, folder: Path) -> None:
    with open_page(browser, folder / "simulated.html", WIDE) as opened:
        assert opened.page.locator("script").count() == 0
        assert opened.page.get_by_text(HOSTILE).count() >= 1
        assert opened.messages == []


def test_on_paper_it_is_whole_and_has_no_controls(browser: Browser, folder: Path) -> None:
    with open_page(browser, folder / "whole.html", 760, "dark") as opened:
        opened.page.emulate_media(media="print")
        assert opened.page.evaluate(OVERFLOW) <= 0
        assert opened.page.locator("nav >> visible=true").count() == 0
        assert opened.page.locator(".choice >> visible=true").count() == 0
        ink, paper = opened.page.evaluate(COLOURS)
        assert paper > 700 > ink
