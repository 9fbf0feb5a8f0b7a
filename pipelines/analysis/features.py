"""Computes the features of every node at risk, as they were known at a time."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from data.errors import EmptyTableError
from data.schema import NODE
from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import capabilities_of
from features.compute import batch
from features.grid import to_numpy
from features.population.at_risk import assess
from pipelines.wiring import wiring
from pipelines.wiring.as_of import cutoff
from pipelines.wiring.training_setup import hindsight_view, training_setup

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from data.view import View
    from features.feature import Catalogue
    from models.setup import Setup
    from pipelines.settings.schema import Settings


def features(settings: Settings, at: datetime | None = None) -> pl.DataFrame:
    """Compute the features that a training run at a time (default: now) learns from, by what was known then.

    Returns:
        A row for each node at risk: node, and a column for each feature of the catalogue, null where it is
        unknown. Nodes that are down, under repair or not reporting have no row, as in training.

    Raises:
        EmptyTableError: if no node was observed by then.
        SettingsError: if the time is in the future.
    """
    with _records_as_of(settings, at) as (view, setup):
        catalogue = _catalogue(view, setup)
        risk = assess(view, np.array([to_numpy(view.at)]), setup.design.coverage)
        rows = risk.rows()
        values = batch.compute(catalogue, view, risk, rows)
    nodes = pl.Series(NODE, [rows.names[index] for index in rows.node], pl.String())
    columns = [
        pl.Series(name, values[:, column], pl.Float32()).fill_nan(None) for name, column in catalogue.columns.items()
    ]
    return pl.DataFrame([nodes, *columns])


def catalogue(settings: Settings, at: datetime | None = None) -> Catalogue:
    """Return the rows of the catalogue that `features` computes: they depend on what the fleet records.

    Raises:
        EmptyTableError, SettingsError: as `features`.
    """
    with _records_as_of(settings, at) as (view, setup):
        return _catalogue(view, setup)


@contextmanager
def _records_as_of(settings: Settings, at: datetime | None) -> Iterator[tuple[View, Setup]]:
    with wiring.records(settings) as records:
        store = wiring.store(settings)
        view = hindsight_view(store, records).narrow(cutoff(settings, records, at))
        if view.nodes().is_empty():
            raise EmptyTableError.no_node(view.at)
        yield view, training_setup(settings, store.telemetry.metrics())


def _catalogue(view: View, setup: Setup) -> Catalogue:
    return build(capabilities_of(view, setup.metrics, setup.windows, setup.history))
