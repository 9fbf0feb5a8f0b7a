"""Why a node is at risk: as text for people, and as JSON in the table of scores for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from data.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

SEPARATOR: Final = "; "
TIMES: Final = "\N{MULTIPLICATION SIGN}"
LEGEND: Final = (
    f"odds {TIMES}2: the metric doubles the node's odds of failing; normal: the middle 80% of the nodes "
    "at the same time; times are UTC"
)


@dataclass(frozen=True, slots=True)
class Reason:
    """One metric's value on a node, and by how much it multiplies the node's odds of failing."""

    metric: str
    statistic: str  # `<metric>__<statistic>` is the feature that contributes most: 'mean_vs_fleet__7d'
    value: float | None  # None: missing
    unit: str
    low: float | None  # the normal range: 10th to 90th percentile of the nodes, or of the rack's, at the same time
    high: float | None
    since: datetime | None  # when the node left the normal range; None: it is inside, or this is unknown
    or_earlier: bool  # `since` is only as far back as was searched
    odds: float | None  # None: the node was not scored
    text: str

    def __str__(self) -> str:
        """Return the reason on one line."""
        return self.text


def reasons_text(reasons: Iterable[Reason]) -> str:
    """Join reasons on one line."""
    return SEPARATOR.join(reason.text for reason in reasons)


def to_json(reasons: Iterable[Reason]) -> str:
    """Write reasons as a JSON list of objects, one key per field; times as ISO 8601."""
    rows = [asdict(reason) | {"since": reason.since and reason.since.isoformat()} for reason in reasons]
    return json.dumps(rows, ensure_ascii=False, allow_nan=False)


def from_json(text: str | None) -> tuple[Reason, ...]:
    """Read reasons; None means no reasons.

    Raises:
        DataError: if the text is not such a list, as from an earlier Nodeward, which wrote plain text.
    """
    try:
        return tuple(_reason(row) for row in json.loads(text or "[]"))
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"a score's reasons can't be read: {text!r}", fix="run `nodeward score` again") from error


def _reason(row: dict[str, Any]) -> Reason:
    since = row["since"] and datetime.fromisoformat(row["since"])
    return Reason(**{field.name: row[field.name] for field in fields(Reason)} | {"since": since})
