from __future__ import annotations

import re
from dataclasses import replace

from models.evaluation.slices.layout import OTHERS
from models.evaluation.slices.slices import Slice, Slicing
from models.metrics.estimate import Estimate
from pipelines.report.notice import lines
from pipelines.report.render import render
from pipelines.report.slice_tables import HEADS, LIKE_THE_FLEET, tables, words
from tests.pipelines.report.reports import whole

LEVEL = Estimate(2.8)
PLAIN = Slice(
    "r1", 0, 900, 12, 0.25, 14, 3, 5.0,
    {"caught_share": Estimate(3 / 14), "precision": Estimate(None), "observed_over_expected": LEVEL}, stands_out=False,
)  # fmt: skip


def slicing(*racks: Slice) -> Slicing:
    fleet = replace(PLAIN, label="fleet")
    return Slicing(0.01, fleet, {"rack": racks}, (), dispersion=1.5, compared=40, unusual=3)


def test_every_division_stands_on_the_page_below_the_whole_fleet() -> None:
    told = tables(whole().found.slicings[whole().headline.horizon_days])
    assert [table.title.split(":")[0] for table in told] == [
        "By rack", "By hardware model", "By age", "By history", "By work", "By cause",
    ]  # fmt: skip
    for table in told[:-1]:
        assert table.rows[0].label == LIKE_THE_FLEET
        assert all(len(row.cells) == len(HEADS) for row in table.rows)
    page = render(whole())
    assert page.count('<table class="parts') == len(told)
    assert page.count('<tr class="fleet">') == len(told) - 1


def test_what_is_pooled_says_how_many_and_what_is_not_given_says_of_what() -> None:
    pooled, unknown = replace(PLAIN, label=OTHERS, pooled=492), replace(PLAIN, label="not given")
    rows = tables(slicing(pooled, unknown))[0].rows
    assert [(row.label, row.kind) for row in rows[1:]] == [("492 other racks", "others"), ("rack not given", "")]


def test_a_slice_that_stands_out_is_marked_and_named_with_what_chance_would_do() -> None:
    told = slicing(replace(PLAIN, stands_out=True), PLAIN)
    assert [row.kind for row in tables(told)[0].rows] == ["fleet", "off", ""]
    first, second = words(told)
    assert "40 parts" in first
    assert "about 2.0 unusual (one in twenty); 3 are" in first
    assert second == "So many comparisons allowed for, 1 stands out: rack r1 (14 failed, 5.0 expected)."
    assert list(words(slicing(PLAIN)))[1].endswith("none stands out.")
    assert list(words(replace(told, compared=0))) == []


def test_cells_without_a_value_hold_a_dash() -> None:
    cells = tables(slicing(PLAIN))[0].rows[1].cells
    assert cells == ("14", "21%", "5.0", "2.8", "\N{EN DASH}", "25%", "900")


def test_the_notice_on_the_page_is_the_evaluations() -> None:
    study, page = whole().headline, render(whole())
    told = lines(study, whole().found.lead_hours)
    assert len(told) == 3
    caught = study.evaluation.figure("caught_share_24h", "model", 0.2).value
    assert caught is not None
    assert told[-1][2].startswith(f"{100 * caught:.2g}%")
    assert len(re.findall(r"<td>24 h ahead</td>", page)) == 3 * sum(one.horizon_days > 1 for one in whole().studies)
