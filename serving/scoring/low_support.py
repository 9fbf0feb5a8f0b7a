"""Finds the nodes about which a model can know little: their scores rest on what is true of all nodes alike."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from data.schema import NODE
from data.time_grid import DAY
from features.feature import Origin
from features.population.exposure import inventory
from serving.explanation.reason import Reason
from serving.formats import duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from data.view import View
    from serving.explanation.explain import ScoredRows

NEW: Final = timedelta(days=7)
LEAST_NODE_DAYS: Final = 30.0  # of a hardware model, over all its nodes, before the model was trained
SUPPORT: Final = "support"  # the statistic of such a reason


def low_support_reasons(view: View, scored: ScoredRows, trained_until: datetime) -> list[tuple[Reason, ...]]:
    """Return, for each scored row, the reasons why its support is low; none where it is not.

    Support is low in a node's first week, while no telemetry from it is known (in a fleet that has some), and if
    its hardware model was observed for less than 30 node-days when the model was trained.
    """
    nodes = inventory(view, scored.rows.names)[scored.rows.node]
    ages = (view.at - nodes["observed_from"]).to_list()
    node_days = _node_days(view.nodes(), trained_until)
    has_telemetry = _has_telemetry(scored)
    return [
        (
            *_new_node(ages[row]),
            *([] if has_telemetry[row] else [_reason("node", None, None, "no telemetry from it is known")]),
            *_new_hardware(hardware, node_days.get(hardware or "", 0.0)),
        )
        for row, hardware in enumerate(nodes["hardware"])
    ]


def _new_node(age: timedelta) -> Sequence[Reason]:
    if age >= NEW:
        return []
    joined = f"in the fleet for {duration(age)}" if age else "new in the fleet"
    return [_reason("node", age / DAY, NEW / DAY, f"{joined}: little is known about it")]


def _new_hardware(hardware: str | None, node_days: float) -> Sequence[Reason]:
    if hardware is None or node_days >= LEAST_NODE_DAYS:
        return []
    text = f"hardware {hardware} is new to the model, which learned from {node_days:.0f} node-days of it"
    return [_reason("hardware", node_days, LEAST_NODE_DAYS, text)]


def _reason(metric: str, value: float | None, least: float | None, text: str) -> Reason:
    unit = "" if value is None else "d"
    return Reason(metric, SUPPORT, value, unit, least, None, None, or_earlier=False, odds=None, text=text)


def _has_telemetry(scored: ScoredRows) -> Sequence[bool]:
    """Return which rows have a telemetry feature that is neither missing nor 0; all, if there is no such feature."""
    columns = [index for index, feature in enumerate(scored.catalogue.features) if feature.origin is not Origin.HISTORY]
    if not columns:
        return [True] * len(scored.rows)
    values = scored.features[:, columns]
    return [bool(has_value) for has_value in np.any(~np.isnan(values) & (values != 0), axis=1)]


def _node_days(nodes: pl.DataFrame, until: datetime) -> dict[str, float]:
    """Return the days for which the nodes of each hardware model were observed until a time, summed by model."""
    end = pl.min_horizontal(pl.col("observed_until").fill_null(until), pl.lit(until))
    days = (end - pl.col("observed_from")).dt.total_microseconds() / (DAY / timedelta(microseconds=1))
    node_days = nodes.select(NODE, pl.col("hardware"), days=days.clip(lower_bound=0)).drop_nulls("hardware")
    return dict(node_days.group_by("hardware").agg(pl.col("days").sum()).iter_rows())
