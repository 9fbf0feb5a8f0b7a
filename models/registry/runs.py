"""Training runs, searches and registered models as values, independent of any registry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from data.durations import format_duration
from models.registry import bundle as bundles
from models.registry.model_version import SUPPORT, TRAINED_UNTIL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from matplotlib.figure import Figure

    from models.registry.bundle import Bundle

PLOTS: Final = "plots"
MODEL: Final = "model"
_DOTS_PER_INCH: Final = 150


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """What is tracked of a training run: its model, parameters, metrics, plots and tags."""

    bundle: Bundle
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    figures: Mapping[str, Figure]
    tables: Mapping[str, int]  # versions of the tables that were read
    tags: Mapping[str, str]

    @classmethod
    def of(cls, bundle: Bundle, figures: Mapping[str, Figure]) -> TrainingRun:
        """Return the training run of a bundle; its manifest has everything but the figures."""
        manifest = bundle.manifest
        params = {
            **manifest.params,
            "horizons": ", ".join(map(format_duration, manifest.horizons)),
            "features": len(manifest.features),
            "failures": manifest.failures,
        }
        tags = {"fleet": manifest.fleet, TRAINED_UNTIL: manifest.trained_until, SUPPORT: manifest.support}
        return cls(bundle, params, manifest.metrics, figures, manifest.tables, tags)

    @property
    def title(self) -> str:
        """The run's name."""
        manifest = self.bundle.manifest
        return f"{manifest.fleet} until {datetime.fromisoformat(manifest.trained_until):%Y-%m-%d %H:%M}"

    @property
    def description(self) -> str:
        """What was trained, and which rows the metrics and plots are of."""
        manifest = self.bundle.manifest
        trained = (
            f"Trained on what was known of {manifest.fleet} at {manifest.trained_until}: {manifest.failures} failures "
            f"to learn from, {len(manifest.features)} features, support {manifest.support!r}."
        )
        evaluated = "Its metrics, named <measure>_<horizon>, are of walk-forward folds that it did not learn from."
        return f"{trained} {evaluated}" if manifest.metrics else trained

    def write(self, folder: Path) -> None:
        """Write model and plots as files, in a folder each."""
        bundles.save(self.bundle, folder / MODEL)
        (folder / PLOTS).mkdir()
        for name, figure in self.figures.items():
            figure.savefig(folder / PLOTS / f"{name}.png", dpi=_DOTS_PER_INCH)


@dataclass(frozen=True, slots=True)
class SearchRun:
    """What is tracked of a search for settings: parameters, metrics and a report, but no model."""

    title: str
    description: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    report: str  # JSON
