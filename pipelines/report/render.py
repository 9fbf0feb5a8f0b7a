"""Puts the report's contents on one page that needs no other file, no network and no script."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from features.grid import to_datetime
from models.evaluation.context import FEWEST_FAILURES
from pipelines.report import headline, methods, notice, slice_tables, terms
from pipelines.report.charts import baselines, budget_curve, lead_times, reliability, sparkline, timeline

if TYPE_CHECKING:
    from models.metrics.estimate import Estimate
    from pipelines.report.values.contents import Contents
    from pipelines.report.values.horizon import Study
    from pipelines.report.values.mistakes import Closeup

TEMPLATE: Final = "report.html.j2"


def render(contents: Contents) -> str:
    """Write the page."""
    environment = Environment(
        loader=PackageLoader("pipelines.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "share": terms.share,
        "number": terms.typeset,
        "hours": terms.hours,
        "days": terms.days,
        "model": terms.model_name,
        "interval": terms.with_interval,
        "when": terms.when,
        "date": terms.day,
        "day": lambda moment: terms.day(to_datetime(moment)),
    }
    return environment.get_template(TEMPLATE).render(_told(contents))


def _told(contents: Contents) -> dict[str, Any]:
    study = contents.headline
    slicing = contents.found.slicings[study.horizon_days]
    return {
        "contents": contents,
        "study": study,
        "headline": headline.headline(study),
        "story": headline.story(contents),
        "each": headline.each(contents),
        "warnings": headline.warnings(contents),
        "tiles": headline.tiles(study),
        "rivals": baselines.draw(
            _caught(study), f"Failures caught with alarms on {terms.share(study.share)} of the nodes"
        ),
        "horizons": [_horizon(one, contents.found.lead_hours) for one in contents.studies],
        "parts": slice_tables.tables(slicing),
        "parts_words": list(slice_tables.words(slicing)),
        "fewest": FEWEST_FAILURES,
        "timelines": _timelines(contents),
        "misses": [_closeup(one) for one in contents.misses],
        "false_alarms": [_closeup(one) for one in contents.false_alarms],
        "facts": methods.judged(contents),
        "baselines": methods.baselines(contents),
        "caveats": methods.CAVEATS,
        "columns": methods.COLUMNS,
        "number": terms.typeset,
        "style": Markup(_style()),  # noqa: S704  - our own file
    }


def _caught(study: Study) -> dict[str, Estimate]:
    return {name: headline.figure(study, "caught_share", name) for name in study.evaluation.models}


def _horizon(study: Study, lead_hours: tuple[int, ...]) -> dict[str, Any]:
    """Draw what changes with the horizon."""
    within = f"within {terms.days(study.horizon_days)}"
    curves = budget_curve.Curves(study.tradeoff, headline.rival(study), study.share)
    title = f"Failures caught against the alarm budget, {within}"
    return {
        "study": study,
        "key": f"{study.horizon_days:g}".replace(".", "-"),
        "wide": budget_curve.draw(curves, title),
        "narrow": budget_curve.draw(curves, title, budget_curve.NARROW),
        "reliability": reliability.draw(study.bins, f"What happened against what was forecast, {within}"),
        "leads": lead_times.draw(study.leads, f"Lead of the first alarm, {within}"),
        "notice": lead_times.draw_notice(study.leads, f"Failures with so much notice, {within}"),
        "notice_lines": notice.lines(study, lead_hours),
        "rows": _figures(study),
        "measures": {
            name: study.evaluation.figure(name, "model") for name in ("observed_over_expected", "slope", "ece")
        },
    }


def _figures(study: Study) -> list[tuple[str, list[str]]]:
    """Lay every model's figures out under facts.COLUMNS."""
    return [
        (
            name,
            [
                terms.with_interval(
                    study.evaluation.figure(measure, name, study.share if measure in methods.OF_ALARMS else None),
                    terms.share if measure in methods.SHARES else terms.typeset,
                )
                for measure in methods.COLUMNS
            ],
        )
        for name in study.evaluation.models
    ]


def _timelines(contents: Contents) -> dict[str, Markup]:
    title = "Alarms and failures of the nodes most worth seeing"
    return {
        "wide": timeline.draw(contents.lanes, title),
        "narrow": timeline.draw(contents.lanes, title, timeline.NARROW),
    }


def _closeup(closeup: Closeup) -> dict[str, Any]:
    risk = sparkline.draw_risk(closeup, f"{closeup.node}: forecast probability")
    traces = [
        (trace, sparkline.draw_trace(trace, closeup, f"{closeup.node}: {trace.label}")) for trace in closeup.traces
    ]
    return {"it": closeup, "risk": risk, "traces": traces}


def _style() -> str:
    return resources.files("pipelines.report").joinpath("templates/report.css").read_text(encoding="utf-8")
