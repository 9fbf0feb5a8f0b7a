"""Where the real records are: next to the repository."""

from __future__ import annotations

from pathlib import Path

DATASETS = Path(__file__).resolve().parents[3] / "shared" / "datasets"
M100 = DATASETS / "m100"
