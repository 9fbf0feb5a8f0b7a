"""Features of sampled counters, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.catalogue.catalogue import build
from features.catalogue.fleet_capabilities import FleetCapabilities
from features.compute import batch
from features.feature import Catalogue
from features.population.at_risk import assess
from features.telemetry.peers import FEWEST_PEERS
from tests.features.fleets import DAY, START
from tests.features.protocol import daily
from tests.features.synthetic import METRICS, synthetic


def test_a_rise_is_compared_with_the_median_of_the_rack() -> None:
    view = synthetic(np.random.default_rng(8), nodes=24, days=20).view()
    risk = assess(view, daily(START + 3 * DAY, 15), None)
    fleet = FleetCapabilities(METRICS, (7 * DAY,), has_racks=True, has_hardware=False)
    columns = {feature.name: feature for feature in build(fleet).features}
    compared = columns["ecc__increase__7d"], columns["ecc__increase_vs_rack__7d"]
    node, cutoff = np.nonzero(risk.present)
    rows = type(risk.rows())(risk.names, risk.cutoffs, node, cutoff)
    values = pd.DataFrame(batch.compute(Catalogue(compared), view, risk, rows), columns=["rise", "difference"])
    rack_of_node = dict(view.nodes().select("node", "rack").iter_rows())
    racks = values.assign(rack=[rack_of_node[risk.names[index]] for index in node], cutoff=cutoff).groupby(
        ["rack", "cutoff"], dropna=False
    )["rise"]
    expected = (values["rise"] - racks.transform("median")).where(racks.transform("count") >= FEWEST_PEERS)
    assert expected.notna().mean() > 0.3
    assert expected.nunique() > 10
    np.testing.assert_allclose(values["difference"], expected, atol=1e-5)
