"""What a training run leaves behind, and what is told of a registered model: values, free of any registry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from models.registry import bundle as bundles

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.figure import Figure

    from models.registry.bundle import Bundle

CHAMPION: Final = "champion"
CHALLENGER: Final = "challenger"
PLOTS: Final = "plots"
MODEL: Final = "model"
TRAINED_UNTIL: Final = "trained_until"
SUPPORT: Final = "support"
_DOTS_PER_INCH: Final = 150


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """What one training run leaves behind."""

    bundle: Bundle
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    figures: Mapping[str, Figure]
    tables: Mapping[str, int]  # versions of the tables that were read
    tags: Mapping[str, str]

    @classmethod
    def of(cls, bundle: Bundle, figures: Mapping[str, Figure]) -> TrainingRun:
        """Take everything but the figures from the bundle's manifest."""
        told = bundle.manifest
        horizons = ", ".join(f"{days:g}" for days in told.horizons_days)
        params = {**told.params, "horizons_days": horizons, "features": len(told.features), "failures": told.failures}
        tags = {"fleet": told.fleet, TRAINED_UNTIL: told.trained_until, SUPPORT: told.support}
        return cls(bundle, params, told.metrics, figures, told.tables, tags)

    @property
    def title(self) -> str:
        """Name the run for people."""
        told = self.bundle.manifest
        return f"{told.fleet} until {datetime.fromisoformat(told.trained_until):%Y-%m-%d %H:%M}"

    @property
    def description(self) -> str:
        """Say what was trained, and what its figures and plots are of."""
        told = self.bundle.manifest
        trained = (
            f"Trained on what was known of {told.fleet} at {told.trained_until}: {told.failures} failures to learn "
            f"from, {len(told.features)} features, support {told.support!r}."
        )
        judged = "Its metrics, named <measure>_<horizon>, are of walk-forward folds that it had not seen."
        return f"{trained} {judged}" if told.metrics else trained

    def write(self, folder: Path) -> None:
        """Write plots and model as files, each kind in a folder of its own."""
        bundles.save(self.bundle, folder / MODEL)
        (folder / PLOTS).mkdir()
        for name, figure in self.figures.items():
            figure.savefig(folder / PLOTS / f"{name}.png", dpi=_DOTS_PER_INCH)


@dataclass(frozen=True, slots=True)
class SearchRun:
    """What a search for settings leaves behind: figures, and no model."""

    title: str
    description: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    report: str  # JSON


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered model."""

    version: str
    aliases: tuple[str, ...]
    trained_until: datetime | None  # None: another program registered it
    support: str
    metrics: Mapping[str, float]
    run_id: str
