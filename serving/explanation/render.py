"""Writes a reason on one line: the signal, its value, the normal range, since when, and how much it matters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from features.catalogue.idle_spells import BELOW
from features.feature import FAILURES_OF
from features.phrase import NORMAL, ValueFormat
from serving.explanation.reason import TIMES
from serving.formats import (
    days,
    duration,
    elapsed,
    hours,
    join_unit,
    multiple,
    number,
    per_day,
    percent,
    short_time,
    value_range,
    with_unit,
    without_unit,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from features.phrase import Phrase
    from serving.explanation.node_context import NodeContext
    from serving.explanation.signal import Onset, Signal
    from serving.formats import Amount

AMOUNTS: Final[dict[ValueFormat, Callable[[float, str], Amount]]] = {
    ValueFormat.WITH_UNIT: with_unit,
    ValueFormat.WITHOUT_UNIT: without_unit,
    ValueFormat.MULTIPLE: multiple,
    ValueFormat.PER_DAY: per_day,
    ValueFormat.PERCENT: percent,
    ValueFormat.DAYS: days,
    ValueFormat.HOURS: hours,
}


def reason_text(signal: Signal, since: Onset | None, context: NodeContext) -> str:
    """Return a reason as text."""
    phrase = signal.shown.phrase
    parts = {
        **_metric_parts(signal, phrase, context),
        **_window_parts(signal, context),
        **_event_parts(signal, context),
    }
    if since and math.isnan(signal.value):
        parts["within"] = parts["over"] = ""
    when, parts["normal"] = _since(signal, since, context), _normal(signal, phrase, context)
    sentence = phrase.of(signal.value)
    normal = "" if NORMAL in sentence else parts["normal"]
    tail = f"{when}{normal}" if math.isnan(signal.value) else f"{normal}{when}"
    return f"{sentence.format_map(parts)}{tail}: odds {TIMES}{number(math.exp(signal.log_odds), 2)}"


def _metric_parts(signal: Signal, phrase: Phrase, context: NodeContext) -> dict[str, str]:
    feature, value = signal.shown, signal.value
    metric = context.labels.get(feature.metric, feature.metric)
    unit = "" if f" {metric}".endswith(f" {feature.unit}") else feature.unit  # not 'memory errors rose by 3 errors'
    return {
        "metric": metric,
        "title": f"{metric} {feature.statistic.name} {feature.peer}".replace("_", " ").rstrip(),
        "value": join_unit(AMOUNTS[phrase.format](abs(value) if phrase.negative else value, unit)),
        "times": "once" if value == 1 else f"{number(value)} times",
        "failures": f"{number(value)} failure{'' if value == 1 else 's'}",
        "below": feature.statistic.name.partition(BELOW)[2],
        "group": _group_name(feature.metric, signal.node, context),
    }


def _group_name(group: str, node: str, context: NodeContext) -> str:
    """Name a node's rack or hardware: 'rack r07', but not 'rack rack-07'."""
    name = context.groups.get(group, {}).get(node) or "unknown"
    return name if name.lower().startswith(group) else f"{group} {name}"


def _window_parts(signal: Signal, context: NodeContext) -> dict[str, str]:
    window = signal.shown.window
    if window is None:
        return dict.fromkeys(("window", "within", "over", "average"), "")
    name = duration(window)
    average = "" if window == context.newest else f" on average over {name}"
    return {"window": name, "within": f" in {name}", "over": f" over {name}", "average": average}


def _event_parts(signal: Signal, context: NodeContext) -> dict[str, str]:
    metric = signal.shown.metric
    cause = metric.removeprefix(FAILURES_OF) if metric.startswith(FAILURES_OF) else None
    events = context.maintenance if metric == "maintenance" else context.failures
    last = events.get((signal.node, cause))
    if last is None:
        return {"cause": cause or "", "last": "", "on": ""}
    on = f"on {short_time(last.start, context.at)}" + (f" ({last.cause})" if last.cause and not cause else "")
    return {"cause": cause or "", "last": f", last {on}", "on": f", {on}"}


def _normal(signal: Signal, phrase: Phrase, context: NodeContext) -> str:
    """Write the normal range; its unit is left out where it is that of the value."""
    low, high = signal.normal.low, signal.normal.high
    if math.isnan(low) or math.isnan(high):
        return ""
    amount, unit = AMOUNTS[phrase.format], signal.shown.unit
    value_unit = "" if math.isnan(signal.value) else amount(signal.value, unit)[1]
    where = f" in {_group_name('rack', signal.node, context)}" if signal.normal.is_of_rack else ""
    normal = "within the normal range" if signal.side == 0 else "normal"
    return f", {normal}{where} {value_range(amount(low, unit), amount(high, unit), value_unit)}"


def _since(signal: Signal, since: Onset | None, context: NodeContext) -> str:
    if since is None:
        return ""
    age, is_missing = elapsed(since.when, context.at), math.isnan(signal.value)
    if since.or_earlier:
        return f"{'' if is_missing else ','} for at least {age}"
    return f", {'last seen' if is_missing else 'since'} {short_time(since.when, context.at)} ({age})"
