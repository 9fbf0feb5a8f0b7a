"""The example notebook runs from the first cell to the last, and shows what its text promises."""

import runpy
import warnings
from pathlib import Path
from typing import Any

import pytest

import nodeward as nw

NOTEBOOK = Path(__file__).parents[1] / "examples" / "notebook.py"


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", nw.NodewardWarning)
        return runpy.run_path(str(NOTEBOOK))


def test_every_cell_shows_something(shown: dict[str, Any]) -> None:
    assert shown["simulated"].source.path == Path(shown["folder"]) / "simulated"
    assert shown["ingested"].loc["telemetry", "inserted"] > 0
    assert shown["features"].shape[0] > 0
    assert shown["descriptions"].index.tolist() == shown["features"].columns.tolist()
    assert len(shown["caught"]) == shown["caught"]["model"].nunique() * shown["caught"]["horizon_hours"].nunique() > 0
    assert shown["trained"].support == "ok"
    assert shown["scores"]["probability_7d"].is_monotonic_decreasing
    assert len(shown["reasons"]) > 0
    assert set(shown["decisions"]["verdict"]) == {"drain", "hold back"}
    assert shown["two_nodes"].index.tolist() == ["n1", "n2"]


def test_no_cell_shows_all_settings() -> None:
    last_lines = {cell.strip().splitlines()[-1] for cell in NOTEBOOK.read_text().split("# %%")[1:]}
    assert "ingested" in last_lines
    assert not last_lines & {"simulated", "fleet", "from_frames"}


def test_every_code_cell_and_text_cell_is_in_percent_format() -> None:
    cells = NOTEBOOK.read_text().split("# %%")[1:]
    text = [cell for cell in cells if cell.startswith(" [markdown]\n")]
    assert 5 < len(text) < len(cells)
    assert all(line.startswith("#") for cell in text for line in cell.strip().splitlines()[1:])
