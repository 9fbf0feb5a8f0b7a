"""Tells a reason on one line: the signal, its value, the normal range, since when, and by how much it matters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from features.feature import FAILURES_OF
from features.telemetry.idle import BELOW
from serving.explanation.phrases import NORMAL, Sentence, sentence
from serving.explanation.reason import TIMES
from serving.formats import duration, elapsed, join_unit, number, short_time, value_range

if TYPE_CHECKING:
    from serving.explanation.node_context import NodeContext
    from serving.explanation.signal import Signal, Since


def words(told: Signal, since: Since | None, background: NodeContext) -> str:
    """Tell a reason."""
    how = sentence(told.own)
    parts = {**_of_metric(told, how, background), **_of_window(told, background), **_of_events(told, background)}
    if since and math.isnan(told.value):
        parts["within"] = parts["over"] = ""
    when, parts["normal"] = _since(told, since, background), _normal(told, how, background)
    said = how.of(told.value)
    rest = "" if NORMAL in said else parts["normal"]
    tail = f"{when}{rest}" if math.isnan(told.value) else f"{rest}{when}"
    return f"{said.format_map(parts)}{tail}: odds {TIMES}{number(math.exp(told.log_odds), 2)}"


def _of_metric(told: Signal, how: Sentence, background: NodeContext) -> dict[str, str]:
    own, value = told.own, told.value
    metric = background.labels.get(own.metric, own.metric)
    unit = "" if f" {metric}".endswith(f" {own.unit}") else own.unit  # not 'memory errors rose by 3 errors'
    return {
        "metric": metric,
        "title": f"{metric} {own.stat} {own.peer}".replace("_", " ").rstrip(),
        "value": join_unit(how.form(abs(value) if how.minus else value, unit)),
        "times": "once" if value == 1 else f"{number(value)} times",
        "failures": f"{number(value)} failure{'' if value == 1 else 's'}",
        "below": own.stat.partition(BELOW)[2],
        "group": _group(own.metric, told.node, background),
    }


def _group(group: str, node: str, background: NodeContext) -> str:
    """Name a node's rack or hardware: 'rack r07', but not 'rack rack-07'."""
    name = background.groups.get(group, {}).get(node) or "unknown"
    return name if name.lower().startswith(group) else f"{group} {name}"


def _of_window(told: Signal, background: NodeContext) -> dict[str, str]:
    window = told.own.window
    if window is None:
        return dict.fromkeys(("window", "within", "over", "average"), "")
    told_as = duration(window)
    average = "" if window == background.newest else f" on average over {told_as}"
    return {"window": told_as, "within": f" in {told_as}", "over": f" over {told_as}", "average": average}


def _of_events(told: Signal, background: NodeContext) -> dict[str, str]:
    is_of_cause = told.own.metric.startswith(FAILURES_OF)
    cause = told.own.metric.removeprefix(FAILURES_OF) if is_of_cause else None
    known = background.maintenance if told.own.metric == "maintenance" else background.failures
    last = known.get((told.node, cause))
    if last is None:
        return {"cause": cause or "", "last": "", "on": ""}
    on = f"on {short_time(last.start, background.at)}" + (f" ({last.cause})" if last.cause and not cause else "")
    return {"cause": cause or "", "last": f", last {on}", "on": f", {on}"}


def _normal(told: Signal, how: Sentence, background: NodeContext) -> str:
    """Say the normal range, in the value's unit if that is the same."""
    low, high = told.normal.low, told.normal.high
    if math.isnan(low) or math.isnan(high):
        return ""
    unit = "" if math.isnan(told.value) else how.form(told.value, told.own.unit)[1]
    where = f" in {_group('rack', told.node, background)}" if told.normal.is_of_rack else ""
    normal = "within the normal range" if told.side == 0 else "normal"
    return f", {normal}{where} {value_range(how.form(low, told.own.unit), how.form(high, told.own.unit), unit)}"


def _since(told: Signal, since: Since | None, background: NodeContext) -> str:
    if since is None:
        return ""
    past, is_missing = elapsed(since.when, background.at), math.isnan(told.value)
    if since.or_earlier:
        return f"{'' if is_missing else ','} for longer than the {past} looked at"
    return f", {'last seen' if is_missing else 'since'} {short_time(since.when, background.at)} ({past})"
