"""A trained model as files: native LightGBM text and JSON, nothing that runs code when it is read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import lightgbm as lgb
import numpy as np

from data.errors import ModelMismatchError, SourceFileError
from features.events.base_rates import FleetRate
from models.causes import serialize as causes_text
from models.causes.model import UNKNOWN, CauseForecast
from models.hazard.model import Calibration, Covariates, HazardModel
from models.hazard.rank_logistic import RankLogistic, RankTransform

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from data.view import View
    from features.population.at_risk import Rows
    from models.causes.model import CauseModel

__all__ = ["Bundle", "CauseForecast", "Manifest", "load", "save"]  # all that serving may import from models
MANIFEST: Final = "manifest.json"
FORMAT: Final = 5
NO_CAUSES: Final = {"cause_model": "", "cause_trees": ""}
RECENT_BASE: Final = {"base_strength": 1.0}  # the base was the fleet's recent rate
OLDER_FORMATS: Final[dict[int, dict[str, Any]]] = {  # values of the keys that a format did not have yet
    1: {"line": "", "trees_share": 1.0, **NO_CAUSES, **RECENT_BASE},
    2: {**NO_CAUSES, **RECENT_BASE},
    3: RECENT_BASE,
    4: RECENT_BASE,
}
CAUSE_MODEL: Final = "causes.json"
CAUSE_TREES: Final = "causes-trees.txt"
NO_CAUSE_MODEL: Final = "the model was trained without causes"
LINEAR_MODEL: Final = "line.json"
DIGESTS: Final = "sha256"  # of each file: LightGBM reads even a damaged one
SHOWN_NAMES: Final = 5  # in a message


@dataclass(frozen=True, slots=True)
class Manifest:
    """The description of a model, in JSON's own types."""

    format: int
    fleet: str
    trained_until: str  # ISO 8601
    features: tuple[str, ...]
    has_racks: bool  # whether the fleet's nodes had a rack, and so features of it
    has_hardware: bool
    causes: tuple[str, ...]  # causes of failure that have features of their own
    horizons_hours: tuple[float, ...]
    boosters: tuple[str, ...]  # file names
    calibration_offset: tuple[float, ...]
    calibration_scale: tuple[float, ...]
    support: str  # 'ok' or 'low support'
    failures: int  # in training
    metrics: dict[str, float]
    tables: dict[str, int]  # versions of the tables that training read
    params: dict[str, Any]
    line: str = ""  # file name; empty: trees alone
    trees_share: float = 1.0
    cause_model: str = ""  # file name; empty: no likely causes
    cause_trees: str = ""  # file name; empty: likely causes without trees
    base_strength: float = 1.0  # weight of the fleet's recent rate of failure; the rest is its long-run rate's

    @property
    def horizons(self) -> tuple[timedelta, ...]:
        """The horizons that the model forecasts."""
        return tuple(timedelta(hours=hours) for hours in self.horizons_hours)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A hazard model, its manifest, and the model of causes; None in a bundle of an older format."""

    model: HazardModel
    manifest: Manifest
    causes: CauseModel | None = None

    def probabilities(self, features: NDArray[np.float32], fleet_rate: FleetRate) -> NDArray[np.float64]:
        """Compute the probability of failing by each horizon, from features and the fleet's failures a node-day."""
        return self.model.probabilities(Covariates(features, fleet_rate))

    def contributions(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Compute what each feature adds to the log-odds: rows x features."""
        return self.model.contributions(Covariates(features, FleetRate.constant(0.0, len(features))))

    def likely_causes(self, view: View, rows: Rows, features: NDArray[np.float32]) -> list[CauseForecast]:
        """Forecast the likely cause of each row's next failure."""
        if self.causes is None:
            return [CauseForecast(UNKNOWN, None, NO_CAUSE_MODEL)] * len(rows)
        return self.causes.forecasts(self.causes.probabilities(view, rows, features))

    def require_features(self, names: Sequence[str]) -> None:
        """Raise ModelMismatchError unless the model was built for exactly these features, in this order."""
        if tuple(names) == self.manifest.features:
            return
        built, available = set(self.manifest.features), set(names)
        missing, unknown = sorted(built - available), sorted(available - built)
        parts = [f"it needs {_listed(missing)}, which the catalogue lacks"] if missing else []
        parts += [f"the catalogue has {_listed(unknown)}, which it does not know"] if unknown else []
        raise ModelMismatchError(
            f"the model trained until {self.manifest.trained_until} does not fit this catalogue: "
            + ("; ".join(parts) or "the same features in another order"),
            fix="train again and `nodeward promote` the new model, or score with the metrics that it was trained with",
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN_NAMES])
    return f"{shown} and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else shown


def save(bundle: Bundle, folder: Path) -> None:
    """Write a bundle into a folder; the manifest comes last, so an incomplete bundle can't be read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    digests = {}
    for name, text in _texts(bundle).items():
        (folder / name).write_bytes(text.encode())
        digests[name] = sha256(text.encode()).hexdigest()
    manifest = json.dumps({**asdict(bundle.manifest), DIGESTS: digests}, indent=1, allow_nan=False)
    (folder / MANIFEST).write_text(manifest, encoding="utf-8")


def _texts(bundle: Bundle) -> dict[str, str]:
    """Return the texts of a bundle's files by name, without the manifest."""
    model, manifest, causes = bundle.model, bundle.manifest, bundle.causes
    boosters = zip(manifest.boosters, model.boosters, strict=True)
    texts = {name: booster.model_to_string() for name, booster in boosters}
    if model.linear is not None:
        texts[manifest.line] = _linear_text(model.linear)
    if causes is not None:
        texts[manifest.cause_model] = causes_text.write(causes)
        if causes.booster:
            texts[manifest.cause_trees] = causes.booster.model_to_string()
    return texts


def load(folder: Path) -> Bundle:
    """Read a bundle.

    Raises:
        SourceFileError: if a file is missing or broken.
        ModelMismatchError: if the bundle was written in another format.
    """
    values = _read_json(folder / MANIFEST)
    digests = values.pop(DIGESTS, {})
    manifest = _manifest(values, folder / MANIFEST)
    boosters = tuple(lgb.Booster(model_str=_read_text(folder, name, digests)) for name in manifest.boosters)
    calibration = Calibration(np.array(manifest.calibration_offset), np.array(manifest.calibration_scale))
    linear = _parse_linear(_read_text(folder, manifest.line, digests)) if manifest.line else None
    shares = manifest.trees_share, manifest.base_strength
    model = HazardModel(manifest.features, manifest.horizons, boosters, calibration, linear, *shares)
    return Bundle(model, manifest, _read_causes(folder, manifest, digests))


def _read_causes(folder: Path, manifest: Manifest, digests: Mapping[str, Any]) -> CauseModel | None:
    if not manifest.cause_model:
        return None
    text, trees = _read_text(folder, manifest.cause_model, digests), manifest.cause_trees
    return causes_text.read(text, lgb.Booster(model_str=_read_text(folder, trees, digests)) if trees else None)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _broken(path, f"is no model manifest: {error}") from error
    if not isinstance(values, dict) or not isinstance(values.get(DIGESTS, {}), dict):
        raise _broken(path, "is no model manifest: it holds no JSON object of the manifest's keys")
    return values


def _manifest(values: Mapping[str, Any], path: Path) -> Manifest:
    number = values.get("format")
    if isinstance(number, int) and number in OLDER_FORMATS:
        values = _in_hours({**OLDER_FORMATS[number], **values})
    elif number != FORMAT:
        raise ModelMismatchError(
            f"{path}: the model is of format {number!r}, this version reads {FORMAT}", fix="train again"
        )
    keys = {field.name for field in fields(Manifest)}
    if differing := sorted(keys ^ set(values)):
        raise _broken(path, f"is no model manifest of format {FORMAT}: " + _difference(differing, keys))
    arguments: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    }
    manifest = Manifest(**arguments)
    lengths = {len(manifest.horizons_hours), len(manifest.calibration_offset), len(manifest.calibration_scale)}
    if len(lengths) > 1:
        raise _broken(path, "horizons_hours, calibration_offset and calibration_scale differ in length")
    return manifest


def _in_hours(values: dict[str, Any]) -> dict[str, Any]:
    """Replace horizons in days, as manifests had them up to format 3."""
    days = values.pop("horizons_days", None)
    return values if days is None else {**values, "horizons_hours": [24.0 * day for day in days]}


def _difference(differing: Sequence[str], keys: set[str]) -> str:
    """Describe which keys are missing and which are unknown."""
    missing, unknown = [key for key in differing if key in keys], [key for key in differing if key not in keys]
    parts = [f"it lacks {_listed(missing)}"] if missing else []
    return " and ".join(parts + ([f"it has the unknown {_listed(unknown)}"] if unknown else []))


def _parse_linear(text: str) -> RankLogistic:
    values = json.loads(text)
    transforms = tuple(RankTransform(np.array(knots), np.array(scores)) for knots, scores in values["scales"])
    return RankLogistic(transforms, np.array(values["weights"]), np.array(values["intercepts"]))


def _linear_text(linear: RankLogistic) -> str:
    values = {
        "weights": linear.weights.tolist(),
        "intercepts": linear.intercepts.tolist(),
        "scales": [(transform.knots.tolist(), transform.scores.tolist()) for transform in linear.transforms],
    }
    return json.dumps(values, allow_nan=False)


def _read_text(folder: Path, name: str, digests: Mapping[str, Any]) -> str:
    """Read a file of a bundle; refuse one that is not the file that was written."""
    path = folder / name
    try:
        text = path.read_bytes()
    except OSError as error:
        raise _broken(path, f"can't be read: {error}") from error
    if sha256(text).hexdigest() != str(digests.get(name, "")):
        raise _broken(path, f"is not the model that {MANIFEST} describes: it was cut short or changed")
    return text.decode()


def _broken(path: Path, why: str) -> SourceFileError:
    return SourceFileError(path, why, fix="train again, or copy the whole model again")
