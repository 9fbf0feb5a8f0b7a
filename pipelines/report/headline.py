"""What the report says in words: the headline, and what keeps it from meaning more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.evaluation.context import FEWEST_FAILURES
from models.evaluation.evaluate import MODEL
from models.metrics.estimate import Estimate, divide
from pipelines.output.backtest_notes import caught_by_work
from pipelines.report.terms import day, days, hours, model_name, points, rough, share, with_interval
from serving.formats import pluralize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipelines.report.values.contents import Contents
    from pipelines.report.values.horizon import Study

FIXED: Final = ("random", "base_rate")  # baselines that know nothing of a node


@dataclass(frozen=True, slots=True)
class Tile:
    """One number to remember, what it is, and its interval."""

    value: str
    what: str
    interval: str


def count(study: Study, measure: str, budget: float | None = None) -> int:
    """Give a count of the model's at a budget, by default the one in use."""
    found = study.evaluation.models[MODEL].budgets[budget or study.share][measure]
    assert isinstance(found, int), "asked for counts only"
    return found


def figure(study: Study, measure: str, model: str = MODEL) -> Estimate:
    """Give a figure of a model's at the budget in use."""
    return study.evaluation.figure(measure, model, study.share)


def rival(study: Study) -> str | None:
    """Name the baseline that catches most at the budget in use."""
    return study.tradeoff.best(study.share, [name for name in study.rivals if name not in FIXED])


def headline(study: Study) -> str:
    """Sum the window up in one line."""
    failures, caught = count(study, "failures"), count(study, "failures_caught")
    if not failures:
        return "No failure in the window"
    return f"{caught:,} of {pluralize(failures, 'failure')} came with a warning"


def story(contents: Contents) -> list[str]:
    """Say what was caught, how early, at what price, and beside what."""
    study = contents.headline
    if not count(study, "failures"):
        return [f"What would have been caught can't be told: nothing failed{_between(contents)}."]
    return [
        (
            f"Alarms on {share(study.share)} of the nodes {each(contents)} preceded "
            f"{with_interval(figure(study, 'caught_share'))} of the failures{_between(contents)}, "
            f"within {days(study.horizon_days)} before them{_ahead(study)}."
        ),
        *_price(study),
        *_at_work(contents),
        *_beside(study),
    ]


def _between(contents: Contents) -> str:
    window = contents.found.replay.window
    return f" between {day(window.start)} and {day(window.end)}"


def each(contents: Contents) -> str:
    """Say how often forecasts are made."""
    every = contents.found.replay.setup.design.every_days
    return "each day" if every == 1 else f"every {every:g} days"


def _ahead(study: Study) -> str:
    lead = figure(study, "median_lead_hours")
    return "" if lead.value is None else f"; the first alarm came a median {hours(lead.value)} ahead"


def _price(study: Study) -> Iterator[str]:
    false = false_per_true(figure(study, "episode_precision"))
    if false.value is not None:
        yield (f"For each episode of alarms that a failure followed, {with_interval(false, rough)} came to nothing.")


def false_per_true(precision: Estimate) -> Estimate:
    """Turn the share of alarm episodes that a failure followed into false ones for each true one."""
    if not precision.value:
        return Estimate(None)
    draws = precision.draws
    return Estimate(1 / precision.value - 1, None if draws is None else divide(1 - draws, draws))


def _at_work(contents: Contents) -> Iterator[str]:
    for told in caught_by_work(contents.found.slicings[contents.headline.horizon_days]):
        yield f"{told[0].upper()}{told[1:]}."


def _beside(study: Study) -> Iterator[str]:
    best = rival(study)
    if best is None:
        return
    at_random = study.evaluation.models.get("random")
    random = f"; choosing nodes at random, {share(figure(study, 'caught_share', 'random').value)}" if at_random else ""
    its = share(figure(study, "caught_share", best).value)
    yield f"The best simple baseline, {model_name(best)}, catches {its}{random}."
    gain = figure(study, "caught_share").minus(figure(study, "caught_share", best))
    low, high = gain.bounds()
    if low is None or high is None:
        return
    verdict = (
        "is more than chance"
        if low > 0
        else "is to Nodeward's disadvantage"
        if high < 0
        else "can't be told from chance"
    )
    yield f"The difference, {points(gain.value)} points [{points(low)}, {points(high)}], {verdict}."


def by_budget(study: Study) -> list[str]:
    """Say what alarms on each share of the nodes catch, and how far ahead."""
    return [
        f"alarms on {share(budget)} of the nodes: {count(study, 'failures_caught', budget):,} of "
        f"{pluralize(count(study, 'failures', budget), 'failure')} caught{_lead(study, budget)}"
        for budget in study.evaluation.models[MODEL].budgets
    ]


def _lead(study: Study, budget: float) -> str:
    lead = study.evaluation.figure("median_lead_hours", MODEL, budget).value
    return "" if lead is None else f", the first alarm a median {hours(lead)} ahead"


def tiles(study: Study) -> list[Tile]:
    """Give the four numbers worth remembering."""
    lead, false = figure(study, "median_lead_hours"), false_per_true(figure(study, "episode_precision"))
    level = study.evaluation.figure("observed_over_expected", MODEL)
    return [
        _tile(figure(study, "caught_share"), "of failures caught", share),
        _tile(lead, "median lead", hours),
        _tile(false, "false alarm episodes for each true one", rough),
        _tile(level, "failures observed for each one expected", rough),
    ]


def _tile(told: Estimate, what: str, write: Callable[[float | None], str]) -> Tile:
    low, high = told.bounds()
    interval = "" if low is None or high is None else f"95%: {write(low)} to {write(high)}"
    return Tile(write(told.value), what, interval)


def warnings(contents: Contents) -> list[str]:
    """Say what keeps the figures from meaning what they seem to."""
    trained, failures = contents.found.replay.trained, count(contents.headline, "failures")
    told = []
    if not len(contents.found.replay.rows):
        told.append("No node was at risk in the test window: nothing was forecast.")
    if not trained.is_supported:
        told.append(
            f"Low support: {pluralize(trained.failures, 'failure')} to learn from, {trained.setup.min_failures} needed "
            "(model.min_failures). History and pooled rates stand in for a model, and nothing is drained on its word."
        )
    if 0 < failures < FEWEST_FAILURES:
        told.append(f"{pluralize(failures, 'failure')} in the window: too few for intervals, and for conclusions.")
    return told
