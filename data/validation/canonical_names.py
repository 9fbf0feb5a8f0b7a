"""Gives nodes their canonical names, and joins rows of telemetry that have different names of one node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from data.schema import AVAILABLE_AT, NODE, SEPARATOR, TS, UNREADABLE
from data.validation.cells import metrics_of

if TYPE_CHECKING:
    from data.validation.node_names import NodeNames

OLD_NAME: Final = f"{SEPARATOR}old_name"


def canonicalize(rows: pl.DataFrame, names: NodeNames) -> pl.DataFrame:
    """Replace the node names of a table by those of the inventory."""
    renamings = names.renamings(rows[NODE])
    return rows.with_columns(pl.col(NODE).replace(renamings)) if renamings else rows


def canonicalize_telemetry(rows: pl.DataFrame, names: NodeNames) -> pl.DataFrame:
    """Replace the node names of telemetry, and join rows of one node and time that had different names.

    The exporter of a node and its management board report different metrics of the same time. If both report a metric,
    the value that became available later is kept. The joined row is available when both are.
    """
    renamings = names.renamings(rows[NODE])
    if not renamings:
        return rows
    renamed = rows.with_columns(pl.col(NODE).alias(OLD_NAME), pl.col(NODE).replace(renamings))
    is_shared = (
        pl.col(NODE).is_in(list(renamings.values()))
        & (pl.col(OLD_NAME).n_unique().over(NODE, TS) > 1)
        & pl.col(TS).is_not_null()
    )
    shared = renamed.filter(is_shared.fill_null(value=False))
    separate = renamed.filter(~is_shared.fill_null(value=False)).drop(OLD_NAME)
    return pl.concat([separate, _joined(shared).select(separate.columns)]) if shared.height else separate


def _joined(rows: pl.DataFrame) -> pl.DataFrame:
    metrics = (pl.col(name).drop_nulls().last() for name in metrics_of(rows.drop(OLD_NAME)))
    unreadable = (
        [pl.col(UNREADABLE).explode(empty_as_null=False, keep_nulls=False)] if UNREADABLE in rows.columns else []
    )
    ordered = rows.sort(AVAILABLE_AT, OLD_NAME)
    return ordered.group_by(NODE, TS, maintain_order=True).agg(pl.col(AVAILABLE_AT).max(), *metrics, *unreadable)
