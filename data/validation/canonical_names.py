"""Brings the rows of telemetry that speak of one node under different names together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from data.schema import AVAILABLE_AT, NODE, SEPARATOR, TS, UNREADABLE
from data.validation.cells import metrics_of

if TYPE_CHECKING:
    from data.validation.node_names import NodeNames

OWN: Final = f"{SEPARATOR}own"


def spell(rows: pl.DataFrame, names: NodeNames) -> pl.DataFrame:
    """Spell the nodes of a table as the inventory does."""
    changed = names.changes(rows[NODE])
    return rows.with_columns(pl.col(NODE).replace(changed)) if changed else rows


def canonicalize_telemetry(rows: pl.DataFrame, names: NodeNames) -> pl.DataFrame:
    """Spell telemetry as the inventory does; rows of one node and time that came under two names become one.

    A node's own exporter and its management board report different metrics of the same moment. Where both have
    one, the value that was known later stands. The row is known when all of it is.
    """
    changed = names.changes(rows[NODE])
    if not changed:
        return rows
    spelt = rows.with_columns(pl.col(NODE).alias(OWN), pl.col(NODE).replace(changed))
    is_shared = (
        pl.col(NODE).is_in(list(changed.values()))
        & (pl.col(OWN).n_unique().over(NODE, TS) > 1)
        & pl.col(TS).is_not_null()
    )
    shared = spelt.filter(is_shared.fill_null(value=False))
    apart = spelt.filter(~is_shared.fill_null(value=False)).drop(OWN)
    return pl.concat([apart, _joined(shared).select(apart.columns)]) if shared.height else apart


def _joined(rows: pl.DataFrame) -> pl.DataFrame:
    metrics = (pl.col(name).drop_nulls().last() for name in metrics_of(rows.drop(OWN)))
    unread = [pl.col(UNREADABLE).explode(empty_as_null=False, keep_nulls=False)] if UNREADABLE in rows.columns else []
    ordered = rows.sort(AVAILABLE_AT, OWN)
    return ordered.group_by(NODE, TS, maintain_order=True).agg(pl.col(AVAILABLE_AT).max(), *metrics, *unread)
