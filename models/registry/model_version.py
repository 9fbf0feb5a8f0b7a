"""A registered version of the model, and the names of its aliases and tags; nothing here imports LightGBM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
TRAINED_UNTIL: Final = "trained_until"
SUPPORT: Final = "support"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered model."""

    version: str
    aliases: tuple[str, ...]
    trained_until: datetime | None  # None: another program registered it
    support: str
    metrics: Mapping[str, float]
    run_id: str
