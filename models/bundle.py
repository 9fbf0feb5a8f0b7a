"""A trained model as data: native LightGBM text and a JSON manifest, nothing that runs code when it is read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np

from data.errors import ModelMismatchError, SourceFileError
from models.hazard import Calibration, HazardModel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a model is, in JSON's own types."""

    format: int
    fleet: str
    trained_until: str  # ISO 8601
    features: tuple[str, ...]
    has_racks: bool  # what the fleet offered to the catalogue
    has_hardware: bool
    causes: tuple[str, ...]  # causes of failure that have features of their own
    horizons_days: tuple[float, ...]
    boosters: tuple[str, ...]  # file names
    calibration_offset: tuple[float, ...]
    calibration_scale: tuple[float, ...]
    support: str  # 'ok' or 'low support'
    failures: int  # in training
    metrics: dict[str, float]
    tables: dict[str, int]  # versions of the tables that training read
    params: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A hazard model and its manifest."""

    model: HazardModel
    manifest: Manifest

    def require(self, features: Sequence[str]) -> None:
        """Raise ModelMismatchError unless the model was built for exactly these features, in this order."""
        if tuple(features) == self.manifest.features:
            return
        built, offered = set(self.manifest.features), set(features)
        gone, new = sorted(built - offered), sorted(offered - built)
        parts = [f"it needs {_some(gone)}, which the catalogue lacks"] if gone else []
        parts += [f"the catalogue has {_some(new)}, which it does not know"] if new else []
        raise ModelMismatchError(
            f"the model trained until {self.manifest.trained_until} does not fit this catalogue: "
            + ("; ".join(parts) or "the same features stand in another order"),
            mend="train again, or score with the metrics and the version that it was trained with",
        )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown  # noqa: PLR2004 - as many as are shown


def save(bundle: Bundle, folder: Path) -> None:
    """Write a bundle into a folder; the manifest comes last, so half a bundle can't be read."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, booster in zip(bundle.manifest.boosters, bundle.model.boosters, strict=True):
        (folder / name).write_text(booster.model_to_string(), encoding="utf-8")
    (folder / MANIFEST).write_text(json.dumps(asdict(bundle.manifest), indent=1), encoding="utf-8")


def load(folder: Path) -> Bundle:
    """Read a bundle.

    Raises:
        SourceFileError: if a file is missing or broken.
        ModelMismatchError: if the bundle was written in another format.
    """
    manifest = _read_manifest(folder / MANIFEST)
    boosters = tuple(_read_booster(folder / name) for name in manifest.boosters)
    calibration = Calibration(np.array(manifest.calibration_offset), np.array(manifest.calibration_scale))
    return Bundle(HazardModel(manifest.features, manifest.horizons_days, boosters, calibration), manifest)


def _read_manifest(path: Path) -> Manifest:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        found = read.get("format")
        if found != FORMAT:
            raise ModelMismatchError(
                f"{path}: the model is of format {found!r}, this version reads {FORMAT}", mend="train again"
            )
        return Manifest(**{name: tuple(value) if isinstance(value, list) else value for name, value in read.items()})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SourceFileError(path, f"is no model manifest: {error}", mend="train again") from error


def _read_booster(path: Path) -> lgb.Booster:
    try:
        return lgb.Booster(model_str=path.read_text(encoding="utf-8"))
    except (OSError, ValueError, lgb.basic.LightGBMError) as error:
        raise SourceFileError(path, f"is no LightGBM model: {error}", mend="train again") from error
