"""Writes the sentences at the top of the report: what was caught, at what price, and what limits the figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from models.evaluation.context import FEWEST_FAILURES
from models.evaluation.evaluate import MODEL
from models.metrics.estimate import Estimate, divide
from pipelines.output.backtest_notes import alarms_of, caught_by_work, nodes_at_risk, without_alarms
from pipelines.output.estimates import with_interval
from pipelines.report.terms import hours, model_name, moment, percentage, points, rounded
from serving.formats import alarm_rate, duration, pluralize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipelines.report.values.contents import Contents
    from pipelines.report.values.horizon import HorizonStudy

UNINFORMED: Final = ("random", "base_rate")  # baselines that know nothing about a node


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the most important numbers: its value, its name, and its interval."""

    value: str
    name: str
    interval: str


def count(study: HorizonStudy, measure: str, rate: float | None = None) -> int:
    """Return a count of the model at an alarm rate, by default the study's."""
    value = study.evaluation.models[MODEL].episode_budgets[rate or study.rate][measure]
    assert isinstance(value, int), "requested for counts only"
    return value


def scorable_failures(study: HorizonStudy) -> int:
    """Return how many failures struck nodes that had been scored within the horizon before."""
    value = next(iter(study.evaluation.models[MODEL].budgets.values()))["failures_scorable"]
    assert isinstance(value, int), "a count"
    return value


def figure(study: HorizonStudy, measure: str, model: str = MODEL) -> Estimate:
    """Return a measure of a model at the study's alarm rate."""
    return study.evaluation.figure(measure, model, rate=study.rate)


def best_baseline(study: HorizonStudy) -> str | None:
    """Return the baseline that catches most at the study's alarm rate, of those that know something about a node."""
    informed = [name for name in study.baselines if name not in UNINFORMED]
    return study.budget_curve.best(study.rate, informed)


def headline(study: HorizonStudy) -> str:
    """Return the window's result in one line."""
    failures, caught = count(study, "failures"), count(study, "failures_caught")
    if not failures:
        return "No failure in the window"
    return f"{caught:,} of {pluralize(failures, 'failure')} came with a warning"


def summary(contents: Contents) -> list[str]:
    """Return sentences on what was caught, how early, at what price, and in comparison with what."""
    study = contents.main
    if not count(study, "failures"):
        return [f"What would have been caught is unknown: nothing failed{_between(contents)}."]
    return [
        (
            f"At {alarm_rate(study.rate)}, alarms preceded "
            f"{with_interval(figure(study, 'caught_share'), percentage)} of the failures{_between(contents)}, "
            f"within {duration(study.horizon)} before them{_lead_ahead(study)}."
        ),
        *_price(study),
        *_by_work(contents),
        *_comparison(study),
    ]


def about_alarms(contents: Contents) -> str:
    """Return in plain words what an alarm is, and what the alarm rate means for this fleet."""
    study = contents.main
    alarms = alarms_of(study.rate, nodes_at_risk(contents.backtest, study.horizon))
    rate = alarm_rate(study.rate)
    return (
        f"An alarm names one node and holds for {duration(study.horizon)}, in which the node gets no other. "
        f"{rate[0].upper()}{rate[1:]} is {alarms}: they go to the riskiest nodes that have none."
    )


def how_often(contents: Contents) -> str:
    """Return how often forecasts are made."""
    return f"every {duration(contents.backtest.replay.setup.design.every)}"


def budget_lines(study: HorizonStudy) -> list[str]:
    """Return a line for each alarm rate: what so many alarms catch, and how far ahead."""
    return [
        f"{alarm_rate(rate)}: {count(study, 'failures_caught', rate):,} of "
        f"{pluralize(count(study, 'failures', rate), 'failure')} caught{_lead_ahead(study, rate)}"
        for rate in study.evaluation.models[MODEL].episode_budgets
    ]


def tiles(study: HorizonStudy) -> list[Tile]:
    """Return the four most important numbers."""
    lead, false = figure(study, "median_lead_hours"), false_per_true(figure(study, "precision"))
    level = study.evaluation.figure("observed_over_expected", MODEL)
    return [
        _tile(figure(study, "caught_share"), "of failures caught", percentage),
        _tile(lead, "median lead", hours),
        _tile(false, "false alarms for each true one", rounded),
        _tile(level, "failures observed for each one expected", rounded),
    ]


def warnings(contents: Contents) -> list[str]:
    """Return what keeps the figures from meaning what they seem to mean."""
    trained, failures = contents.backtest.replay.trained, count(contents.main, "failures")
    sentences = []
    if not len(contents.backtest.replay.rows):
        sentences.append("No node was at risk in the test window: nothing was forecast.")
    if not trained.is_supported:
        sentences.append(
            f"Low support: {pluralize(trained.failures, 'failure')} to learn from, {trained.setup.min_failures} needed "
            f"(model.min_failures). Instead of a model: {trained.basis}. No node is drained because of it."
        )
    sentences += [f"{note[0].upper()}{note[1:]}." for note in without_alarms(contents.backtest, contents.main.horizon)]
    if 0 < failures < FEWEST_FAILURES:
        sentences.append(f"{pluralize(failures, 'failure')} in the window: too few for intervals, and for conclusions.")
    return sentences


def false_per_true(precision: Estimate) -> Estimate:
    """Return the false alarms for each true one, from the share of alarms that a failure followed."""
    if not precision.value:
        return Estimate(None)
    draws = precision.draws
    return Estimate(1 / precision.value - 1, None if draws is None else divide(1 - draws, draws))


def _between(contents: Contents) -> str:
    window = contents.backtest.replay.window
    return f" between {moment(window.start)} and {moment(window.end)}"


def _lead_ahead(study: HorizonStudy, rate: float | None = None) -> str:
    lead = study.evaluation.figure("median_lead_hours", MODEL, rate=rate or study.rate).value
    return "" if lead is None else f", a median {hours(lead)} ahead"


def _price(study: HorizonStudy) -> Iterator[str]:
    false = false_per_true(figure(study, "precision"))
    if false.value is not None:
        yield f"For each alarm that a failure followed, {with_interval(false, rounded)} were false."


def _by_work(contents: Contents) -> Iterator[str]:
    for note in caught_by_work(contents.backtest.slicings[contents.main.horizon]):
        yield f"{note[0].upper()}{note[1:]}."


def _comparison(study: HorizonStudy) -> Iterator[str]:
    baseline = best_baseline(study)
    if baseline is None:
        return
    has_random = study.evaluation.models.get("random")
    at_random = percentage(figure(study, "caught_share", "random").value) if has_random else ""
    random = f"; choosing nodes at random, {at_random}" if has_random else ""
    of_baseline = figure(study, "caught_share", baseline)
    yield f"The best simple baseline, {model_name(baseline)}, catches {percentage(of_baseline.value)}{random}."
    gain = figure(study, "caught_share").minus(of_baseline)
    low, high = gain.bounds()
    if low is None or high is None:
        return
    verdict = (
        "is more than chance"
        if low > 0
        else "is to Nodeward's disadvantage"
        if high < 0
        else "can't be distinguished from chance"
    )
    yield f"The difference, {points(gain.value)} points [{points(low)}, {points(high)}], {verdict}."


def _tile(estimate: Estimate, name: str, write: Callable[[float | None], str]) -> Tile:
    low, high = estimate.bounds()
    interval = "" if low is None or high is None else f"95%: {write(low)} to {write(high)}"
    return Tile(write(estimate.value), name, interval)
