"""Says of which nodes a model can know little: their scores rest on what is true of all nodes alike."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE
from features.feature import Origin
from features.population.exposure import inventory
from serving.explanation.reason import Reason
from serving.formats import length

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from data.view import View
    from serving.explanation.explain import Rated

NEW: Final = timedelta(days=7)
LEAST_NODE_DAYS: Final = 30.0  # of a hardware model, over all its nodes, before the model was trained
SUPPORT: Final = "support"  # the statistic of such a reason
DAY: Final = timedelta(days=1)


def tell_newcomers(now: View, rated: Rated, trained_until: datetime) -> list[tuple[Reason, ...]]:
    """Tell for each scored row why its support is low; nothing where it is not.

    A node is a newcomer in its first week, while no telemetry of it is known (in a fleet that has some), and if
    its hardware model was there for less than 30 node-days when the model was trained.
    """
    nodes = inventory(now, rated.rows.names)[rated.rows.node]
    age = (now.at - nodes["observed_from"]).to_list()
    learned = _node_days(now.nodes(), trained_until)
    is_silent = _is_silent(rated)
    return [
        (*_young(age[row]), *_unheard(is_silent[row]), *_strange(hardware, learned.get(hardware or "", 0.0)))
        for row, hardware in enumerate(nodes["hardware"])
    ]


def _young(age: timedelta) -> Sequence[Reason]:
    told = f"in the fleet for {length(age)}" if age else "in the fleet since now"
    return [_reason("node", age / DAY, NEW / DAY, f"{told}: little is known of it")] if age < NEW else []


def _unheard(is_silent: bool) -> Sequence[Reason]:  # noqa: FBT001  - whether it is silent is all there is to tell
    return [_reason("node", None, None, "no telemetry of it is known")] if is_silent else []


def _strange(hardware: str | None, node_days: float) -> Sequence[Reason]:
    if hardware is None or node_days >= LEAST_NODE_DAYS:
        return []
    words = f"hardware {hardware} is new to the model, which learned from {node_days:.0f} node-days of it"
    return [_reason("hardware", node_days, LEAST_NODE_DAYS, words)]


def _reason(metric: str, value: float | None, least: float | None, text: str) -> Reason:
    unit = "" if value is None else "d"
    return Reason(metric, SUPPORT, value, unit, least, None, None, or_earlier=False, odds=None, text=text)


def _is_silent(rated: Rated) -> Sequence[bool]:
    """Tell of which rows no telemetry says a thing; of none if there is none in the catalogue."""
    own = [at for at, feature in enumerate(rated.catalogue.features) if feature.origin is not Origin.HISTORY]
    values = rated.features[:, own]
    nothing = np.all(np.isnan(values) | (values == 0), axis=1) & bool(own)
    return [bool(one) for one in nothing]


def _node_days(nodes: pl.DataFrame, until: datetime) -> dict[str, float]:
    """Sum, by hardware model, the days in which its nodes were observed until a time."""
    left = pl.min_horizontal(pl.col("observed_until").fill_null(until), pl.lit(until))
    days = (left - pl.col("observed_from")).dt.total_microseconds() / (DAY / timedelta(microseconds=1))
    known = nodes.select(NODE, pl.col("hardware"), days=days.clip(lower_bound=0)).drop_nulls("hardware")
    return dict(known.group_by("hardware").agg(pl.col("days").sum()).iter_rows())
