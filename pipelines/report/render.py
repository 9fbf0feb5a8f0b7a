"""Renders the report as one HTML page that needs no other file, no network and no script."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from data.durations import format_duration
from features.grid import to_datetime
from models.evaluation.context import FEWEST_FAILURES
from pipelines.output.estimates import with_interval
from pipelines.report import figure_tables, headline, methods, slice_tables, terms
from pipelines.report.charts import baselines, budget_curve, lead_times, reliability, sparkline, timeline
from serving.formats import alarm_rate, duration

if TYPE_CHECKING:
    from datetime import timedelta

    from models.metrics.estimate import Estimate
    from pipelines.report.values.contents import Contents
    from pipelines.report.values.horizon import HorizonStudy
    from pipelines.report.values.mistakes import Mistake

TEMPLATE: Final = "report.html.j2"


def render(contents: Contents) -> str:
    """Return the page."""
    environment = Environment(
        loader=PackageLoader("pipelines.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percentage": terms.percentage,
        "hours": terms.hours,
        "duration": duration,
        "alarm_rate": alarm_rate,
        "model_name": terms.model_name,
        "unbroken": terms.unbroken,
        "with_interval": lambda estimate: with_interval(estimate, terms.typeset),
        "date_and_time": terms.date_and_time,
        "moment": lambda time: terms.moment(to_datetime(time) if isinstance(time, np.datetime64) else time),
    }
    return environment.get_template(TEMPLATE).render(_variables(contents))


def _variables(contents: Contents) -> dict[str, Any]:
    """Return the template's variables."""
    study = contents.main
    slicing = contents.backtest.slicings[study.horizon]
    return {
        "contents": contents,
        "replay": contents.backtest.replay,
        "study": study,
        "headline": headline.headline(study),
        "summary": headline.summary(contents),
        "about_alarms": headline.about_alarms(contents),
        "how_often": headline.how_often(contents),
        "warnings": headline.warnings(contents),
        "tiles": headline.tiles(study),
        "baselines_chart": baselines.draw(_caught_shares(study), f"Failures caught at {alarm_rate(study.rate)}"),
        "horizons": [_horizon(study, contents.backtest.budgets.notices) for study in contents.studies],
        "slice_tables": slice_tables.slice_tables(slicing),
        "slice_sentences": list(slice_tables.comparison_sentences(slicing)),
        "fewest_failures": FEWEST_FAILURES,
        "timelines": _timelines(contents),
        "misses": [_mistake(miss) for miss in contents.misses],
        "false_alarms": [_mistake(false_alarm) for false_alarm in contents.false_alarms],
        "method_facts": methods.method_facts(contents),
        "baseline_facts": methods.baseline_facts(contents),
        "caveats": methods.CAVEATS,
        "columns": figure_tables.COLUMNS,
        "style": Markup(_style()),  # noqa: S704  - our own file
    }


def _caught_shares(study: HorizonStudy) -> dict[str, Estimate]:
    return {model: headline.figure(study, "caught_share", model) for model in study.evaluation.models}


def _horizon(study: HorizonStudy, notices: tuple[timedelta, ...]) -> dict[str, Any]:
    """Return what changes with the horizon."""
    within = f"within {duration(study.horizon)}"
    chart = budget_curve.BudgetChart(study.budget_curve, headline.best_baseline(study), study.rate)
    title = f"Failures caught against the alarm budget, {within}"
    return {
        "study": study,
        "key": format_duration(study.horizon).replace(".", "_"),  # part of an id and of a class
        "wide": budget_curve.draw(chart, title),
        "narrow": budget_curve.draw(chart, title, budget_curve.NARROW),
        "reliability": reliability.draw(study.bins, f"What happened against what was forecast, {within}"),
        "leads": lead_times.draw(study.leads, f"Lead of the alarm, {within}"),
        "notice": (
            lead_times.draw_notice(study.leads, f"Failures with so much notice, {within}")
            if study.leads.at_least
            else ""
        ),
        "early_catches": figure_tables.early_catches(study, notices),
        "rows": figure_tables.figure_rows(study),
        "measures": {
            name: study.evaluation.figure(name, "model") for name in ("observed_over_expected", "slope", "ece")
        },
    }


def _timelines(contents: Contents) -> dict[str, Markup]:
    title = "Alarms and failures of the nodes that had most of them"
    return {
        "wide": timeline.draw(contents.timelines, title),
        "narrow": timeline.draw(contents.timelines, title, timeline.NARROW),
    }


def _mistake(mistake: Mistake) -> dict[str, Any]:
    risk = sparkline.draw_risk(mistake, f"{mistake.node}: forecast probability")
    traces = [
        (trace, sparkline.draw_trace(trace, mistake, f"{mistake.node}: {trace.label}")) for trace in mistake.traces
    ]
    return {"details": mistake, "risk": risk, "traces": traces}


def _style() -> str:
    return resources.files("pipelines.report").joinpath("templates/report.css").read_text(encoding="utf-8")
