"""The report as a browser shows it: wide and narrow, light and dark, with nothing but the file itself."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pytest

from pipelines.report.render import render
from tests.integration.chromium import running
from tests.models.replays import made_up
from tests.pipelines.report.reports import HOSTILE, contents, low_support, quiet, renamed, whole, without_telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from pipelines.report.values.contents import Contents

Scheme = Literal["light", "dark"]
WIDE, NARROW = 1400, 390
LEAST_TEXT = 10.0  # pixels, as shown
OVERFLOW = "document.documentElement.scrollWidth - window.innerWidth"
TEXT_SIZES = """() => [...document.querySelectorAll('svg text')]
    .filter(text => text.getBoundingClientRect().width > 0)
    .map(text => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)"""
SPILLED = """() => [...document.querySelectorAll('svg[role=img]')].flatMap(picture => {
    const edge = picture.getBoundingClientRect();
    return [...picture.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()])
        .filter(([_, place]) => place.width && (place.left < edge.left - 1 || place.right > edge.right + 1))
        .map(([words, _]) => words)})"""
COLOURS = """() => ['color', 'backgroundColor'].map(name => getComputedStyle(document.body)[name]
    .match(/\\d+/g).slice(0, 3).map(Number).reduce((sum, part) => sum + part, 0))"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A page that is shown, with what it asked of the network and what it complained of."""

    page: Page
    requests: list[str]
    complaints: list[str]


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
    }
    for name, told in pages.items():
        (folder / f"{name}.html").write_text(render(told), encoding="utf-8")
    return folder


@contextmanager
def shown(browser: Browser, file: Path, width: int, scheme: Scheme = "light", *, script: bool = True) -> Iterator[Seen]:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=script
    )
    page = context.new_page()
    seen = Seen(page, [], [])
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    try:
        page.goto(file.as_uri())
        yield seen
    finally:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("name", ["whole", "simulated", "low", "quiet", "bare"])
def test_nothing_overflows_nothing_is_asked_for_and_nobody_complains(
    browser: Browser, folder: Path, name: str, width: int, scheme: Scheme
) -> None:
    file = folder / f"{name}.html"
    with shown(browser, file, width, scheme) as seen:
        assert seen.page.evaluate(OVERFLOW) <= 0
        assert seen.page.evaluate(SPILLED) == []
        assert min(seen.page.evaluate(TEXT_SIZES)) >= LEAST_TEXT
        assert [url for url in seen.requests if not url.startswith("data:")] == [file.as_uri()]
        assert seen.complaints == []


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_section_has_its_figure_in_sight(browser: Browser, folder: Path, width: int) -> None:
    with shown(browser, folder / "whole.html", width) as seen:
        for section in ("caught", "budget", "calibration", "lead", "timeline", "mistakes"):
            pictures = seen.page.locator(f"#{section} svg[role=img] >> visible=true")
            assert pictures.count() >= 1, section
            box = pictures.first.bounding_box()
            assert box is not None
            assert box["width"] > 300
            assert box["height"] > 50
        assert seen.page.locator("#now table >> visible=true").count() == 1
        assert seen.page.locator("#lead table >> visible=true").count() == 1
        assert seen.page.locator("#parts table >> visible=true").count() == 6


def test_dark_is_dark_and_light_is_light(browser: Browser, folder: Path) -> None:
    with (
        shown(browser, folder / "whole.html", WIDE) as light,
        shown(browser, folder / "whole.html", WIDE, "dark") as dark,
    ):
        (ink, paper), (dark_ink, dark_paper) = light.page.evaluate(COLOURS), dark.page.evaluate(COLOURS)
    assert paper - ink > 500
    assert dark_ink - dark_paper > 500


def test_a_horizon_is_chosen_without_any_script(browser: Browser, folder: Path) -> None:
    with shown(browser, folder / "whole.html", WIDE, script=False) as seen:
        for chosen, other in (("7", "1"), ("1", "7")):
            seen.page.locator(f"#within-{chosen}").check(force=True)
            assert seen.page.locator(f".within-{chosen} >> visible=true").count() == 3
            assert seen.page.locator(f".within-{other} >> visible=true").count() == 0


def test_a_name_that_is_a_script_is_shown_and_not_run(browser: Browser, folder: Path) -> None:
    with shown(browser, folder / "simulated.html", WIDE) as seen:
        assert seen.page.locator("script").count() == 0
        assert seen.page.get_by_text(HOSTILE).count() >= 1
        assert seen.complaints == []


def test_on_paper_it_is_whole_and_has_no_controls(browser: Browser, folder: Path) -> None:
    with shown(browser, folder / "whole.html", 760, "dark") as seen:
        seen.page.emulate_media(media="print")
        assert seen.page.evaluate(OVERFLOW) <= 0
        assert seen.page.locator("nav >> visible=true").count() == 0
        assert seen.page.locator(".choice >> visible=true").count() == 0
        ink, paper = seen.page.evaluate(COLOURS)
        assert paper > 700 > ink
