from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser

import numpy as np
import pytest

from models.metrics.estimate import Estimate
from pipelines.report.charts import baselines, budget_curve, lead_times, reliability, sparkline, timeline
from pipelines.report.charts.scales import time_name
from pipelines.report.headline import headline
from pipelines.report.render import render
from pipelines.report.terms import percentage
from pipelines.report.values.contents import Contents
from pipelines.settings.schema import FleetSettings
from tests.models.replays import made_up
from tests.pipelines.report.reports import (
    HISTORY_START,
    HOSTILE,
    SETTINGS,
    alone,
    contents,
    every_six_hours,
    low_support,
    quiet,
    renamed,
    whole,
    without_telemetry,
)

VOID = {"meta", "link", "br", "input", "img", "hr"}
SELF_CLOSED = {"line", "rect", "circle", "path", "g"}


class Checker(HTMLParser):
    """Records the elements of a page, and checks that every one that begins also ends."""

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
    parsed = Checker(page)
    assert parsed.open == []
    assert not {"script", "iframe", "img", "object", "embed"} & set(parsed.tags)
    references = [value for name, value in parsed.attributes if name in {"href", "src", "srcset", "data", "xlink:href"}]
    assert {value for value in references if not value.startswith("#")} == {"data:,"}
    assert "url(" not in page
    assert "@import" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_the_style_is_not_escaped(page: str) -> None:
    assert '"Segoe UI"' in page
    assert "&#34;" not in page.partition("</style>")[0]


def test_every_link_has_its_target(page: str) -> None:
    parsed = Checker(page)
    ids = [value for name, value in parsed.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = [value for name, value in parsed.attributes if name == "href" and value.startswith("#")]
    assert {link[1:] for link in links} <= set(ids)
    assert len(links) == 9


def test_pictures_have_a_title_for_people_who_cannot_see_them(page: str) -> None:
    pictures = re.findall(r'<svg viewBox="[^"]*" role="img" aria-label="([^"]+)"><title>([^<]+)</title><desc>', page)
    assert len(pictures) == page.count('role="img"') > 20
    assert [label for label, title in pictures if label != title] == []


def test_the_headline_and_every_horizon_are_on_it(page: str) -> None:
    assert f"<h1>{headline(whole().main)}</h1>" in page
    for days in (1, 3, 7):
        assert f'id="within-{days}d"' in page
        assert f"body:has(#within-{days}d:checked) .within-{days}d " in page
    assert page.count(" checked>") == 1
    assert page.count("horizon within-7d first") == 3


def test_short_forecasts_have_their_own_ids_and_are_written_in_hours() -> None:
    page = render(every_six_hours())
    assert 'id="within-6h"' in page
    assert 'id="within-1d"' in page
    assert "a forecast every 6 h" in page
    assert "The alarm held for 6 h, and no failure came." in page
    assert f"from {HISTORY_START:%Y-%m-%d} on (forecast.history_start)" in page
    assert not re.search(r"\d days? ahead", page)


def test_each_alarm_is_drawn_for_as_long_as_it_holds() -> None:
    timelines = every_six_hours().timelines
    drawn = timeline.draw(timelines, "t")
    for node in timelines.nodes:
        for alarm in node.alarms:
            assert f"{node.node}: alarm from {time_name(alarm.start)} to {time_name(alarm.end)}, " in drawn
    assert re.search(r"alarm from \d+ \w+ (06:00 to \d+ \w+ 12:00|12:00 to \d+ \w+ 18:00)", drawn)


def test_a_forecast_is_interrupted_where_a_node_was_not_scored() -> None:
    mistake = whole().false_alarms[0]
    whole_line = sparkline.draw_risk(mistake, "t")
    risk, kept = mistake.risk, np.arange(len(mistake.risk.times)) != 1
    parts = ("times", "probability", "is_alarmed", "lowest_alarmed")
    gappy = replace(risk, **{part: getattr(risk, part)[kept] for part in parts})
    line = re.compile(r'<path d="([^"]*)" class="curve of-model"')
    (before,), (after,) = (
        line.findall(drawn) for drawn in (whole_line, sparkline.draw_risk(replace(mistake, risk=gappy), "t"))
    )
    assert after.count("M") == before.count("M") + 1


def test_a_name_that_is_a_script_is_escaped() -> None:
    hostile = contents(
        renamed(made_up(), HOSTILE), settings=SETTINGS.model_copy(update={"fleet": FleetSettings(name=HOSTILE)})
    )
    assert HOSTILE in {timeline.node for timeline in hostile.timelines.nodes}
    page = render(hostile)
    assert "<script" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 5
    assert Checker(page).open == []


def test_a_simulated_fleet_is_marked_at_the_top_and_under_every_figure(page: str) -> None:
    assert "simulated</span>" not in page
    simulated = render(replace(whole(), is_simulated=True))
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", simulated, re.DOTALL)
    assert len(captions) >= 10
    assert [caption for caption in captions if '<span class="badge">simulated</span>' not in caption] == []
    assert '<span class="badge">simulated</span>' in simulated.partition("</header>")[0]
    assert "(simulated)</title>" in simulated


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(every_six_hours, id="short forecasts"),
        pytest.param(low_support, id="low support"),
        pytest.param(lambda: contents(quiet(made_up())), id="no failure"),
        pytest.param(lambda: contents(alone(made_up())), id="one node"),
        pytest.param(lambda: contents(without_telemetry(made_up())), id="no telemetry"),
    ],
)
def test_unusual_fleets_give_complete_pages(make: object) -> None:
    assert callable(make)
    unusual = make()
    assert isinstance(unusual, Contents)
    page = render(unusual)
    assert Checker(page).open == []
    assert not re.search(r"\b(nan|inf|None)\b", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))


def test_no_value_on_the_page_is_written_as_in_a_program(page: str) -> None:
    assert not re.search(r"\b(nan|inf|None|np\.float64)\b", re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL))


def test_the_curve_is_drawn_at_the_rates_that_are_evaluated() -> None:
    study = whole().main
    drawn = budget_curve.draw(budget_curve.BudgetChart(study.budget_curve, "history", study.rate), "t")
    caught = study.evaluation.figure("caught_share", "model", rate=study.rate)
    assert f"one alarm per 10 nodes and day\nNodeward {percentage(caught.value)}" in drawn
    assert drawn.count('class="mark of-model"') == len(study.budget_curve.rates)
    assert "gain over history only, points" in drawn
    assert "gain over" not in budget_curve.draw(
        budget_curve.BudgetChart(study.budget_curve, None, study.rate), "t", budget_curve.NARROW
    )


def test_the_diagram_has_a_mark_for_each_bin() -> None:
    bins = whole().main.bins
    drawn = reliability.draw(bins, "t")
    assert drawn.count('r="4.5"') == len(bins)
    assert drawn.count('class="bar of-model"') == len(bins)
    assert reliability.draw((), "t").startswith("<svg")


def test_baselines_are_ranked_and_those_without_a_value_left_out() -> None:
    drawn = baselines.draw({"random": Estimate(0.1), "model": Estimate(0.4), "rule": Estimate(None)}, "t")
    assert drawn.index(">Nodeward<") < drawn.index(">at random<")
    assert "one rule" not in drawn
    assert baselines.draw({}, "t").startswith("<svg")


def test_leads_draw_a_bar_where_there_is_a_failure() -> None:
    leads = whole().main.leads
    assert lead_times.draw(leads, "t").count("<rect") == (leads.count > 0).sum()
    assert lead_times.draw_notice(leads, "t").count("or more") >= len(leads.at_least)
    assert lead_times.NONE_CAUGHT in lead_times.draw(replace(leads, count=leads.count * 0), "t")


@pytest.mark.parametrize(
    ("hours", "unit", "ticks"),
    [
        (0.01, "seconds", ["0", "15", "30"]),
        (0.5, "minutes", ["0", "5", "10", "15", "20", "25", "30"]),
        (1, "minutes", ["0", "10", "20", "30", "40", "50", "60"]),
        (24, "hours", ["0", "3", "6", "9", "12", "15", "18", "21", "24"]),
        (36, "hours", ["0", "6", "12", "18", "24", "30", "36"]),
        (168, "days", ["0", "1", "2", "3", "4", "5", "6", "7"]),
        (24 * 365, "days", ["0", "50", "100", "150", "200", "250", "300", "350"]),
    ],
)
def test_leads_are_labelled_in_the_unit_of_their_horizon(hours: float, unit: str, ticks: list[str]) -> None:
    leads = replace(whole().main.leads, bar=timedelta(hours=hours) / 2, count=np.array([0, 1]))
    drawn = lead_times.draw(leads, "t")
    assert f">{unit} from the alarm to the failure<" in drawn
    assert re.findall(r'text-anchor="middle">([0-9]+)</text>', drawn) == ticks


def test_a_timeline_has_a_mark_for_each_failure_and_each_alarm() -> None:
    timelines = whole().timelines
    drawn = timeline.draw(timelines, "t")
    failures = [failure for node in timelines.nodes for failure in node.failures]
    assert drawn.count('class="failure ') == len(failures) > 0
    assert drawn.count('class="alarm ') == sum(len(node.alarms) for node in timelines.nodes)
    assert drawn.count("failure caught") == sum(failure.lead_hours > 0 for failure in failures)


@pytest.mark.parametrize(
    ("name", "shown"), [("short", "short"), ("rack-17-chassis-3-node-0042", "rack\N{HORIZONTAL ELLIPSIS}e-0042")]
)
def test_long_names_lose_their_middle(name: str, shown: str) -> None:
    assert timeline.shortened(name, 11) == shown


def test_a_trace_without_values_has_a_note() -> None:
    mistake = next(false_alarm for false_alarm in whole().false_alarms if false_alarm.traces)
    trace = mistake.traces[0]
    assert sparkline.NO_VALUE not in sparkline.draw_trace(trace, mistake, "t")
    missing = replace(trace, value=trace.value * float("nan"))
    assert sparkline.NO_VALUE in sparkline.draw_trace(missing, mistake, "t")
    assert sparkline.draw_risk(mistake, "t").count("mark alarmed") >= 1
