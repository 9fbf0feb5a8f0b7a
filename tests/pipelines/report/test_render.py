from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from models.metrics.estimate import Estimate
from pipelines.report.charts import baselines, budget_curve, lead_times, reliability, sparkline, timeline
from pipelines.report.headline import headline
from pipelines.report.render import render
from pipelines.report.terms import share
from pipelines.report.values.contents import Contents
from pipelines.settings.schema import FleetSettings
from tests.models.replays import made_up
from tests.pipelines.report.reports import (
    HOSTILE,
    SETTINGS,
    alone,
    contents,
    low_support,
    quiet,
    renamed,
    whole,
    without_telemetry,
)

VOID = {"meta", "link", "br", "input", "img", "hr"}
SELF_CLOSED = {"line", "rect", "circle", "path", "g"}


class Checker(HTMLParser):
    """Notes what a page holds, and whether every element that begins also ends."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> str:
    return render(whole())


def test_the_page_is_well_formed_and_needs_nothing_but_itself(page: str) -> None:
    told = Checker(page)
    assert told.open == []
    assert not {"script", "iframe", "img", "object", "embed"} & set(told.tags)
    outside = [value for name, value in told.attributes if name in {"href", "src", "srcset", "data", "xlink:href"}]
    assert {value for value in outside if not value.startswith("#")} == {"data:,"}
    assert "url(" not in page
    assert "@import" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_the_style_is_written_as_it_is(page: str) -> None:
    assert '"Segoe UI"' in page
    assert "&#34;" not in page.partition("</style>")[0]


def test_every_link_and_label_finds_its_place(page: str) -> None:
    told = Checker(page)
    ids = [value for name, value in told.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = [value for name, value in told.attributes if name == "href" and value.startswith("#")]
    assert {link[1:] for link in links} <= set(ids)
    assert len(links) == 9


def test_pictures_have_words_for_those_who_cannot_see_them(page: str) -> None:
    pictures = re.findall(r'<svg viewBox="[^"]*" role="img" aria-label="([^"]+)"><title>([^<]+)</title><desc>', page)
    assert len(pictures) == page.count('role="img"') > 20
    assert all(label == title for label, title in pictures)


def test_the_headline_and_every_horizon_are_on_it(page: str) -> None:
    assert f"<h1>{headline(whole().headline)}</h1>" in page
    for days in (1, 3, 7):
        assert f'id="within-{days}"' in page
        assert f"body:has(#within-{days}:checked) .within-{days}" in page
    assert page.count(" checked>") == 1
    assert page.count("horizon within-7 first") == 3


def test_a_name_that_is_a_script_is_only_a_name() -> None:
    told = contents(
        renamed(made_up(), HOSTILE), settings=SETTINGS.model_copy(update={"fleet": FleetSettings(name=HOSTILE)})
    )
    assert HOSTILE in {lane.node for lane in told.lanes.lanes}
    page = render(told)
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 5
    assert Checker(page).open == []


def test_what_is_simulated_says_so_at_the_top_and_under_every_figure(page: str) -> None:
    assert "simulated</span>" not in page
    told = render(replace(whole(), is_simulated=True))
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", told, re.DOTALL)
    assert len(captions) >= 10
    assert all('<span class="badge">simulated</span>' in caption for caption in captions)
    assert '<span class="badge">simulated</span>' in told.partition("</header>")[0]
    assert "(simulated)</title>" in told


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(low_support, id="low support"),
        pytest.param(lambda: contents(quiet(made_up())), id="no failure"),
        pytest.param(lambda: contents(alone(made_up())), id="one node"),
        pytest.param(lambda: contents(without_telemetry(made_up())), id="no telemetry"),
    ],
)
def test_odd_fleets_make_whole_pages(odd: object) -> None:
    assert callable(odd)
    told = odd()
    assert isinstance(told, Contents)
    page = render(told)
    assert Checker(page).open == []
    assert not re.search(r"\b(nan|inf|None)\b", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))


def test_no_number_on_the_page_is_a_programs(page: str) -> None:
    assert not re.search(r"\b(nan|inf|None|np\.float64)\b", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))


def test_the_curve_is_drawn_at_the_shares_that_are_judged() -> None:
    study = whole().headline
    drawn = budget_curve.draw(budget_curve.Curves(study.tradeoff, "history", study.share), "t")
    caught = study.evaluation.figure("caught_share", "model", study.share)
    assert f"alarms on {share(study.share)} of the nodes\nNodeward {share(caught.value)}" in drawn
    assert drawn.count('class="mark of-model"') == len(study.tradeoff.shares)
    assert "gain over history only, points" in drawn
    assert "gain over" not in budget_curve.draw(
        budget_curve.Curves(study.tradeoff, None, study.share), "t", budget_curve.NARROW
    )


def test_the_diagram_has_a_mark_for_each_bin() -> None:
    bins = whole().headline.bins
    drawn = reliability.draw(bins, "t")
    assert drawn.count('r="4.5"') == len(bins)
    assert drawn.count('class="bar of-model"') == len(bins)
    assert reliability.draw((), "t").startswith("<svg")


def test_rivals_are_ranked_and_what_cannot_be_told_is_left_out() -> None:
    drawn = baselines.draw({"random": Estimate(0.1), "model": Estimate(0.4), "rule": Estimate(None)}, "t")
    assert drawn.index(">Nodeward<") < drawn.index(">at random<")
    assert "one rule" not in drawn
    assert baselines.draw({}, "t").startswith("<svg")


def test_leads_draw_a_bar_where_there_is_a_failure() -> None:
    told = whole().headline.leads
    assert lead_times.draw(told, "t").count("<rect") == (told.count > 0).sum()
    assert lead_times.draw_notice(told, "t").count("or more") >= len(told.at_least)


def test_a_lane_has_a_mark_for_each_failure_and_each_episode() -> None:
    told = whole().lanes
    drawn = timeline.draw(told, "t")
    assert drawn.count('class="failure ') == sum(len(lane.failures) for lane in told.lanes)
    assert drawn.count('class="alarm ') == sum(len(lane.alarms) for lane in told.lanes)
    hits = [hit for lane in told.lanes for hit in lane.failures]
    assert drawn.count("failure caught") == sum(hit.lead_hours > 0 for hit in hits)


@pytest.mark.parametrize(
    ("name", "told"), [("short", "short"), ("rack-17-chassis-3-node-0042", "rack\N{HORIZONTAL ELLIPSIS}e-0042")]
)
def test_long_names_lose_their_middle(name: str, told: str) -> None:
    assert timeline.shortened(name, 11) == told


def test_a_spark_of_a_node_without_values_says_so() -> None:
    closeup = next(one for one in whole().false_alarms if one.traces)
    trace = closeup.traces[0]
    assert sparkline.NO_VALUE not in sparkline.draw_trace(trace, closeup, "t")
    gone = replace(trace, value=trace.value * float("nan"))
    assert sparkline.NO_VALUE in sparkline.draw_trace(gone, closeup, "t")
    assert sparkline.draw_risk(closeup, "t").count("mark alarmed") >= 1
