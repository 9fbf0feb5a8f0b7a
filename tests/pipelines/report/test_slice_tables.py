from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from models.evaluation.slices.pooling import OTHERS
from models.evaluation.slices.slices import Slice, Slicing
from models.metrics.estimate import Estimate
from pipelines.report.figure_tables import early_catches
from pipelines.report.render import render
from pipelines.report.slice_tables import HEADS, WHOLE_FLEET, comparison_sentences, slice_tables
from tests.pipelines.report.reports import whole

LEVEL = Estimate(2.8)
PLAIN = Slice(
    "r1", 0, 900, 12, 0.25, 14, 3, 5.0,
    {"caught_share": Estimate(3 / 14), "precision": Estimate(None), "observed_over_expected": LEVEL}, stands_out=False,
)  # fmt: skip


def slicing(*racks: Slice) -> Slicing:
    fleet = replace(PLAIN, label="fleet")
    return Slicing(0.01, fleet, {"rack": racks}, (), dispersion=1.5, compared=40, unusual=3)


def test_every_grouping_is_on_the_page_below_the_whole_fleet() -> None:
    tables = slice_tables(whole().backtest.slicings[whole().main.horizon])
    assert [table.title.split(":")[0] for table in tables] == [
        "By rack", "By hardware model", "By age", "By history", "By work", "By cause",
    ]  # fmt: skip
    for table in tables[:-1]:
        assert table.rows[0].label == WHOLE_FLEET
        assert {len(row.cells) for row in table.rows} == {len(HEADS)}
    page = render(whole())
    assert page.count('<table class="parts') == len(tables)
    assert page.count('<tr class="fleet">') == len(tables) - 1


def test_pooled_groups_are_counted_and_missing_values_name_their_grouping() -> None:
    pooled, unknown = replace(PLAIN, label=OTHERS, pooled=492), replace(PLAIN, label="not given")
    rows = slice_tables(slicing(pooled, unknown))[0].rows
    assert [(row.label, row.kind) for row in rows[1:]] == [("492 other racks", "others"), ("rack not given", "")]


def test_an_outlier_is_marked_and_named_with_the_number_expected_by_chance() -> None:
    divided = slicing(replace(PLAIN, stands_out=True), PLAIN)
    assert [row.kind for row in slice_tables(divided)[0].rows] == ["fleet", "off", ""]
    first, second = comparison_sentences(divided)
    assert "40 parts" in first
    assert "about 2.0 unusual (one in twenty); 3 are" in first
    assert second == "With so many comparisons, 1 still stands out: rack r1 (14 failed, 5.0 expected)."
    assert list(comparison_sentences(slicing(PLAIN)))[1].endswith("none stands out.")
    assert list(comparison_sentences(replace(divided, compared=0))) == []


def test_cells_without_a_value_hold_a_dash() -> None:
    cells = slice_tables(slicing(PLAIN))[0].rows[1].cells
    assert cells == ("14", "21%", "5.0", "2.8", "\N{EN DASH}", "25%", "900")
    short = replace(PLAIN, node_days=1.25)
    assert slice_tables(slicing(short))[0].rows[1].cells[-1] == "1.2"


def test_the_early_catches_on_the_page_are_the_evaluations() -> None:
    study, page = whole().main, render(whole())
    rows = early_catches(study, whole().backtest.budgets.notices)
    assert len(rows) == 3
    caught = study.evaluation.figure("caught_share_24h", "model", rate=0.2).value
    assert caught is not None
    assert rows[-1][2].startswith(f"{100 * caught:.2g}%")
    assert len(re.findall(r"<td>24 h ahead</td>", page)) == 3 * sum(
        study.horizon > timedelta(days=1) for study in whole().studies
    )
