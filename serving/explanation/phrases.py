"""The sentence for each statistic: what a system administrator would say of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from features.feature import FAILURES_OF, Origin, Peer
from features.telemetry import idle
from serving.formats import days, hours, multiple, per_day, percent, with_unit, without_unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from features.feature import Feature
    from serving.formats import Amount


NORMAL: Final = "{normal}"  # where a sentence says the normal range; in the others it comes last


@dataclass(frozen=True, slots=True)
class Sentence:
    """How a statistic is told: of a value above zero, of one below it, of zero, and of none at all."""

    plus: str
    minus: str = ""  # its {value} has no sign
    zero: str = ""
    missing: str = "{metric}: no value{within}"
    form: Callable[[float, str], Amount] = with_unit

    def of(self, value: float) -> str:
        """Choose by the value."""
        if math.isnan(value):
            return self.missing
        return (value == 0 and self.zero) or (value < 0 and self.minus) or self.plus


def sentence(feature: Feature) -> Sentence:
    """Find the sentence for a feature; one that has none is told by its name."""
    if feature.peer is Peer.RATIO:
        return _SAMPLES.get(feature.stat, _OTHER)
    if feature.peer is not Peer.NONE:
        return _OTHER
    if feature.origin is not Origin.HISTORY:
        return (_SAMPLED if feature.origin is Origin.WINDOW else _HELD).get(idle.kind_of(feature.stat), _OTHER)
    return _HISTORY.get((feature.metric, feature.stat), _OF_CAUSE if feature.metric.startswith(FAILURES_OF) else _OTHER)


_OTHER: Final = Sentence("{title} {value}")
_ROSE: Final = Sentence("{metric} rose by {value}{within}", zero="{metric} did not rise{within}")
_SAMPLED: Final = {
    "mean": Sentence("{metric} {value}{average}"),
    "std": Sentence("{metric} varies by {value}{over}"),
    "change": Sentence("{metric} {value} above its mean of {window}", "{metric} {value} below its mean of {window}"),
    "slope": Sentence(
        "{metric} rising {value} a day{over}",
        "{metric} falling {value} a day{over}",
        missing="{metric}: too few values for a trend{over}",
        form=per_day,
    ),
    "max": Sentence("{metric} up to {value}{within}"),
    "min": Sentence("{metric} down to {value}{within}"),
    "increase": _ROSE,
    "last": Sentence("{metric} at {value}"),
    "uptime": Sentence("up for {value} since the last boot", missing="no boot is known", form=hours),
    idle.SHARE: Sentence(
        "idle {value} of the time{over} ({metric} below {below})",
        zero="never idle{within} ({metric} below {below})",
        form=percent,
    ),
    idle.HOURS: Sentence("idle for {value} ({metric} below {below})", zero="not idle now ({metric})", form=hours),
    "span": Sentence("booted anew{within}, {value} after the boot before", zero="not booted anew{within}", form=hours),
}
_HELD: Final = {
    "last": Sentence("{metric} at {value}"),
    "max": Sentence("{metric} up to {value}"),
    "mean": Sentence("{metric} {value}{average}"),
    "increase": _ROSE,
    "rises": Sentence("{metric} rose {times}{within}", zero="{metric} did not rise{within}", form=without_unit),
    "rises_so_far": Sentence("{metric} rose {times}", zero="{metric} never rose", form=without_unit),
    "days_since_first": Sentence(
        "{metric} first above zero {value} ago", missing="{metric}: not known since when above zero", form=days
    ),
    "above_zero": Sentence("{value} of its counters above zero", missing="no counter is known", form=without_unit),
    "rising": Sentence(
        "{value} of its counters rose{within}",
        zero="no counter rose{within}",
        missing="no counter is known",
        form=without_unit,
    ),
    "days_since_rise": Sentence("{metric} last rose {value} ago", missing="{metric} never rose", form=days),
    "days_since_change": Sentence("{metric} last changed {value} ago", missing="{metric} never changed", form=days),
    "running": Sentence("{metric} at {value}", form=hours),
}
_NO_SAMPLES: Final = "sends no samples{within} ({metric})"
_SAMPLES: Final = {
    "mean": Sentence(
        "sends {value} of the samples that the fleet does{over} ({metric})", "", _NO_SAMPLES, _NO_SAMPLES, percent
    ),
    "min": Sentence(
        "always sent at least {value} of the samples that the fleet does{within} ({metric})",
        "",
        _NO_SAMPLES,
        _NO_SAMPLES,
        percent,
    ),
    "seen": Sentence("seen {value} as often as the fleet{over} ({metric})", "", _NO_SAMPLES, _NO_SAMPLES, percent),
}
_NEVER: Final = "never failed"
_HISTORY: Final = {
    ("failures", "count"): Sentence(
        "failed {times}{within}{normal}{last}", zero="did not fail{within}", form=without_unit
    ),
    ("failures", "relative_rate"): Sentence(
        "fails {value} times as often as the fleet{over}{normal}{last}", form=multiple
    ),
    ("failures", "days_since_start"): Sentence("last failed {value} ago{on}", missing=_NEVER, form=days),
    ("failures", "days_since_end"): Sentence("back for {value} since the last failure", missing=_NEVER, form=days),
    ("failures", "mean_repair_hours"): Sentence("takes {value} to repair on average", missing=_NEVER, form=hours),
    ("maintenance", "count"): Sentence(
        "maintained {times}{within}{normal}{last}", zero="not maintained{within}", form=without_unit
    ),
    ("maintenance", "days_since_start"): Sentence(
        "last maintained {value} ago{on}", missing="never maintained", form=days
    ),
    ("node", "days_up"): Sentence("in service for {value} since the last event", form=days),
    ("node", "days_observed"): Sentence("known for {value}", form=days),
    ("rack", "failures"): Sentence("{group}: {failures}{within}", form=without_unit),
    ("rack", "relative_rate"): Sentence("{group} fails {value} times as often as the fleet{over}", form=multiple),
    ("rack", "failures_of_others"): Sentence("{group}: {failures} of other nodes{within}", form=without_unit),
    ("neighbours", "failures"): Sentence("the nodes beside it: {failures}{within}", form=without_unit),
    ("neighbours", "days_since_start"): Sentence(
        "a node beside it last failed {value} ago", missing="no node beside it ever failed", form=days
    ),
    ("node", "relative_rate_at_age"): Sentence(
        "nodes of its age fail {value} times as often as the fleet", form=multiple
    ),
    ("hardware", "relative_rate_at_age"): Sentence(
        "{group} fails {value} times as often as all nodes of that age", form=multiple
    ),
    ("hardware", "failures"): Sentence("{group}: {failures}{within}", form=without_unit),
    ("hardware", "relative_rate"): Sentence("{group} fails {value} times as often as the fleet{over}", form=multiple),
}
_OF_CAUSE: Final = Sentence(
    "failed {times} ({cause}){within}{normal}{last}", zero="no failure ({cause}){within}", form=without_unit
)
