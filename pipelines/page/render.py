"""Puts the report's contents on one page that needs no other file, no network and no script."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from features.grid import to_datetime
from models.evaluation.context import FEWEST_FAILURES
from pipelines.page import facts, notice, parts, sentences, wording
from pipelines.page.charts import leads, reliability, rivals, spark, timeline, tradeoff

if TYPE_CHECKING:
    from models.metrics.estimate import Estimate
    from pipelines.page.closeups import Closeup
    from pipelines.page.contents import Contents
    from pipelines.page.study import Study

TEMPLATE: Final = "report.html.j2"


def render(contents: Contents) -> str:
    """Write the page."""
    environment = Environment(
        loader=PackageLoader("pipelines.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "share": wording.share,
        "number": wording.number,
        "hours": wording.hours,
        "days": wording.days,
        "model": wording.model_name,
        "interval": wording.with_interval,
        "when": wording.when,
        "date": wording.day,
        "day": lambda moment: wording.day(to_datetime(moment)),
    }
    return environment.get_template(TEMPLATE).render(_told(contents))


def _told(contents: Contents) -> dict[str, Any]:
    study = contents.headline
    slicing = contents.found.slicings[study.horizon_days]
    return {
        "contents": contents,
        "study": study,
        "headline": sentences.headline(study),
        "story": sentences.story(contents),
        "each": sentences.each(contents),
        "warnings": sentences.warnings(contents),
        "tiles": sentences.tiles(study),
        "rivals": rivals.draw(
            _caught(study), f"Failures caught with alarms on {wording.share(study.share)} of the nodes"
        ),
        "horizons": [_horizon(one, contents.found.lead_hours) for one in contents.studies],
        "parts": parts.tables(slicing),
        "parts_words": list(parts.words(slicing)),
        "fewest": FEWEST_FAILURES,
        "timelines": _timelines(contents),
        "misses": [_closeup(one) for one in contents.misses],
        "false_alarms": [_closeup(one) for one in contents.false_alarms],
        "facts": facts.judged(contents),
        "baselines": facts.baselines(contents),
        "caveats": facts.CAVEATS,
        "columns": facts.COLUMNS,
        "number": wording.number,
        "style": Markup(_style()),  # noqa: S704  - our own file
    }


def _caught(study: Study) -> dict[str, Estimate]:
    return {name: sentences.figure(study, "caught_share", name) for name in study.evaluation.models}


def _horizon(study: Study, lead_hours: tuple[int, ...]) -> dict[str, Any]:
    """Draw what changes with the horizon."""
    within = f"within {wording.days(study.horizon_days)}"
    curves = tradeoff.Curves(study.tradeoff, sentences.rival(study), study.share)
    title = f"Failures caught against the alarm budget, {within}"
    return {
        "study": study,
        "key": f"{study.horizon_days:g}".replace(".", "-"),
        "wide": tradeoff.draw(curves, title),
        "narrow": tradeoff.draw(curves, title, tradeoff.NARROW),
        "reliability": reliability.draw(study.bins, f"What happened against what was forecast, {within}"),
        "leads": leads.draw(study.leads, f"Lead of the first alarm, {within}"),
        "notice": leads.draw_notice(study.leads, f"Failures with so much notice, {within}"),
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
                wording.with_interval(
                    study.evaluation.figure(measure, name, study.share if measure in facts.OF_ALARMS else None),
                    wording.share if measure in facts.SHARES else wording.number,
                )
                for measure in facts.COLUMNS
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
    risk = spark.draw_risk(closeup, f"{closeup.node}: forecast probability")
    traces = [(trace, spark.draw_trace(trace, closeup, f"{closeup.node}: {trace.label}")) for trace in closeup.traces]
    return {"it": closeup, "risk": risk, "traces": traces}


def _style() -> str:
    return resources.files("pipelines.page").joinpath("templates/report.css").read_text(encoding="utf-8")
