"""Plots show their data, whatever the input."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from data.time_grid import DAY
from models.hazard.out_of_fold import OutOfFoldForecast
from models.registry import plots
from models.registry.plots import CaptureCurve

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    from features.grid import Times

ROWS = st.lists(
    st.tuples(st.sampled_from([1e-9, 0.01, 0.02, 0.5, 1.0]), st.booleans(), st.sampled_from([1.0, 4.0])),
    min_size=1,
    max_size=40,
)


def forecast_of(rows: list[tuple[float, bool, float]]) -> OutOfFoldForecast:
    """Make a forecast of these rows, and of another one that fails."""
    probability, label, weight = np.array([*rows, (0.02, True, 1.0)]).T
    return OutOfFoldForecast(probability, label, weight)


def made_up(rows: int, base: float) -> OutOfFoldForecast:
    rng = np.random.default_rng(rows)
    probability = 1 / (1 + np.exp(-np.log(base) - rng.normal(0, 1, rows)))
    label = (rng.random(rows) < probability).astype(float)
    return OutOfFoldForecast(probability, label, np.where(label == 1, 1.0, 4.0))


def png(figure: Figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=50)
    return file.getvalue()


def bars(figure: Figure) -> list[Rectangle]:
    return list(figure.axes[0].containers[0])


@given(ROWS)
def test_the_area_under_the_curve_is_the_roc_areas_relative(rows: list[tuple[float, bool, float]]) -> None:
    forecast = forecast_of([*rows, (0.01, False, 1.0)])
    curve = plots.capture_curve(forecast)
    share = np.average(forecast.label, weights=forecast.weight)
    roc_auc = roc_auc_score(forecast.label, forecast.probability, sample_weight=forecast.weight)
    area = float(np.trapezoid(curve.caught, curve.alarmed))
    assert area == pytest.approx(share / 2 + (1 - share) * roc_auc)


def test_rows_of_equal_risk_are_alarmed_together() -> None:
    curve = plots.capture_curve(
        OutOfFoldForecast(np.array([0.1, 0.9, 0.1]), np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 2.0]))
    )
    np.testing.assert_allclose(curve.alarmed, [0, 0.25, 1])
    np.testing.assert_allclose(curve.caught, [0, 1 / 3, 1])


@given(ROWS, st.integers(1, 20))
def test_bins_keep_every_row_and_every_failure(rows: list[tuple[float, bool, float]], count: int) -> None:
    forecast = forecast_of(rows)
    bins = plots.reliability_bins(forecast, count)
    assert np.all(np.diff(bins.forecast) >= 0)
    np.testing.assert_allclose(bins.weight.sum(), forecast.weight.sum())
    np.testing.assert_allclose(bins.weight @ bins.observed, forecast.weight @ forecast.label)
    np.testing.assert_allclose(bins.weight @ bins.forecast, forecast.weight @ forecast.probability)


def test_bins_expect_equally_many_failures() -> None:
    bins = plots.reliability_bins(made_up(20_000, 0.02), 10)
    np.testing.assert_allclose(bins.weight * bins.forecast, np.full(10, (bins.weight @ bins.forecast) / 10), rtol=0.05)


def test_reliability_has_a_panel_and_a_histogram_for_each_horizon() -> None:
    figure = plots.draw_reliability(
        {timedelta(hours=6): made_up(2000, 0.005), 7 * DAY: made_up(3000, 0.02)}, "Reliability"
    )
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["within 6h", "within 7d", "", ""]
    assert {axes.get_xlim() for axes in figure.axes} == {figure.axes[0].get_xlim()}
    assert png(figure).startswith(b"\x89PNG")


@given(ROWS)
@settings(max_examples=20)
def test_every_bin_with_a_failure_is_within_the_axes(rows: list[tuple[float, bool, float]]) -> None:
    forecast = forecast_of(rows)
    bins, axes = plots.reliability_bins(forecast), plots.draw_reliability({DAY: forecast}, "").axes[0]
    low, high = axes.get_ylim()
    assert 0 < low < high <= 1
    observed = bins.observed[bins.observed > 0]
    assert len(observed)
    assert low <= observed.min() <= observed.max() <= high


def test_the_whole_forecast_is_in_the_histogram() -> None:
    forecast = OutOfFoldForecast(np.array([0.0, 1e-12, 0.3, 1.0]), np.array([0.0, 0, 1, 1]), np.array([4.0, 4, 1, 1]))
    figure = plots.draw_reliability({DAY: forecast}, "")
    assert sum(bar.get_height() for bar in figure.axes[1].containers[0]) == pytest.approx(10)
    assert png(figure)


def test_a_bin_without_a_failure_is_an_open_mark_at_the_edge() -> None:
    figure = plots.draw_reliability(
        {DAY: OutOfFoldForecast(np.array([0.1, 0.5]), np.array([1.0, 0.0]), np.ones(2))}, ""
    )
    edge = figure.axes[0].get_lines()[2]
    assert (edge.get_marker(), edge.get_markerfacecolor()) == ("v", "white")
    np.testing.assert_allclose(np.asarray(edge.get_xdata(), dtype=float), [0.5])


def test_curves_are_drawn_in_the_order_given_and_ties_are_broken_by_chance() -> None:
    half = CaptureCurve(np.array([0.0, 0.5, 1.0]), np.array([0.0, 1.0, 1.0]))
    figure = plots.draw_curves({"history": half, "model": half}, "Caught", (0.01,))
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["by chance", "history", "model"]
    line = figure.axes[0].get_lines()[-1]
    share, caught = (np.asarray(coordinates, dtype=float) for coordinates in line.get_data())
    np.testing.assert_allclose(caught, np.minimum(2 * share, 1))
    assert figure.axes[0].get_xlabel() == "share of node-days alarmed (dotted: 1%)"
    assert png(figure)


def test_more_curves_than_colours_all_differ() -> None:
    diagonal = CaptureCurve(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    lines = plots.draw_curves({str(number): diagonal for number in range(20)}, "", ()).axes[0].get_lines()
    assert len({(line.get_color(), str(line.get_linestyle())) for line in lines[1:]}) > len(plots.COLOURS)
    assert len(lines) == 21


def test_importance_shows_the_greatest_gains_first_as_shares_of_all() -> None:
    gain = {f"power__mean__{days}d": float(days) for days in range(41)}
    figure = plots.draw_importance(gain, "Importance")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[:2] == ["power__mean__40d", "power__mean__39d"]
    assert len(bars(figure)) == plots.MOST_FEATURES
    assert bars(figure)[0].get_width() == pytest.approx(40 / 820)
    assert png(figure)


@pytest.mark.parametrize("gain", [{}, {"power": 0.0}], ids=["no feature", "no trees"])
def test_the_importance_of_a_model_without_trees_is_a_note(gain: dict[str, float]) -> None:
    figure = plots.draw_importance(gain, "Importance")
    assert figure.axes[0].texts[0].get_text().startswith("no trees")
    assert png(figure)


def times(*texts: str) -> Times:
    return np.array(texts, dtype="datetime64[us]")


def test_failures_are_counted_by_month_and_coloured_by_the_mark() -> None:
    starts = times("2021-01-31T23:59:59.999999", "2021-02-01", "2021-02-28", "2021-05-05", "2021-07-01")
    figure = plots.draw_timeline(starts, {"test": np.datetime64("2021-05-01", "us")}, "Failures")
    assert [(bar.get_x() - 51 * 12, bar.get_height()) for bar in bars(figure)] == [(0, 1), (1, 2), (4, 1), (6, 1)]
    colours = [bar.get_facecolor() for bar in bars(figure)]
    assert colours[0] == colours[1] != colours[2] == colours[3]
    assert figure.axes[0].texts[0].get_text() == "test "
    assert png(figure)


def test_a_mark_is_at_the_position_of_its_day() -> None:
    figure = plots.draw_timeline(times("2021-01-01"), {"split": np.datetime64("2021-03-16T12:00", "us")}, "")
    position = float(np.asarray(figure.axes[0].get_lines()[0].get_xdata(), dtype=float)[0])
    assert position == pytest.approx(51 * 12 + 2.5)


@pytest.mark.parametrize(
    "starts", [times(), times("2021-07-01"), times("1995-05-01", "2031-01-01")], ids=["none", "one", "decades"]
)
@pytest.mark.parametrize(
    "marks", [{}, {"trained until": np.datetime64("2021-07-01", "us")}], ids=["unmarked", "marked"]
)
def test_failures_of_any_time_can_be_drawn(starts: Times, marks: dict[str, np.datetime64]) -> None:
    figure = plots.draw_timeline(starts, marks, "Failures")
    assert sum(bar.get_height() for bar in bars(figure)) == len(starts)
    assert len(figure.axes[0].get_xticks()) < 20
    assert png(figure)
