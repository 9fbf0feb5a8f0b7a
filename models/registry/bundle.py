"""A trained model as data: native LightGBM text and a JSON manifest, nothing that runs code when it is read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import lightgbm as lgb
import numpy as np

from data.errors import ModelMismatchError, SourceFileError
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

__all__ = ["Bundle", "CauseForecast", "Manifest", "load", "save"]  # all that serving may know of models
MANIFEST: Final = "manifest.json"
FORMAT: Final = 3
NO_CAUSES: Final = {"cause_model": "", "cause_trees": ""}  # of format 2, which told no cause
OLDER: Final[dict[int, dict[str, Any]]] = {
    1: {"line": "", "trees_share": 1.0, **NO_CAUSES},
    2: NO_CAUSES,
}  # what a format did not know yet
CAUSE_MODEL: Final = "causes.json"
CAUSE_TREES: Final = "causes-trees.txt"
UNTOLD: Final = "the model was trained without causes"
LINE: Final = "line.json"
DIGESTS: Final = "sha256"  # of each booster's file: LightGBM reads what it makes of a damaged one
SHOWN: Final = 5  # names in a message


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
    line: str = ""  # file name; empty: trees alone
    trees_share: float = 1.0
    cause_model: str = ""  # file name; empty: no cause is told
    cause_trees: str = ""  # file name; empty: causes are told without trees


@dataclass(frozen=True, slots=True)
class Bundle:
    """A hazard model and its manifest, and the model of causes beside it; None in one of an older format."""

    model: HazardModel
    manifest: Manifest
    causes: CauseModel | None = None

    def probabilities(self, features: NDArray[np.float32], fleet_rate: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the probability of failing by each horizon, from features and the fleet's failures a node-day."""
        return self.model.probabilities(Covariates(features, fleet_rate))

    def contributions(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give what each feature adds to the log-odds: rows x features."""
        return self.model.contributions(Covariates(features, np.zeros(len(features))))

    def likely_causes(self, view: View, rows: Rows, features: NDArray[np.float32]) -> list[CauseForecast]:
        """Say which cause the next failure of each row's node would likely have."""
        if self.causes is None:
            return [CauseForecast(UNKNOWN, None, UNTOLD)] * len(rows)
        return self.causes.forecasts(self.causes.probabilities(view, rows, features))

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
            fix="train again and `nodeward promote` the new model, or score with the metrics that it was trained with",
        )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown


def save(bundle: Bundle, folder: Path) -> None:
    """Write a bundle into a folder; the manifest comes last, so half a bundle can't be read."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    digests = {}
    for name, booster in zip(bundle.manifest.boosters, bundle.model.boosters, strict=True):
        text = booster.model_to_string().encode()
        (folder / name).write_bytes(text)
        digests[name] = sha256(text).hexdigest()
    if bundle.model.linear is not None:
        text = _line_text(bundle.model.linear)
        (folder / bundle.manifest.line).write_bytes(text)
        digests[bundle.manifest.line] = sha256(text).hexdigest()
    for name, told in _cause_texts(bundle).items():
        (folder / name).write_bytes(told.encode())
        digests[name] = sha256(told.encode()).hexdigest()
    written = json.dumps({**asdict(bundle.manifest), DIGESTS: digests}, indent=1, allow_nan=False)
    (folder / MANIFEST).write_text(written, encoding="utf-8")


def load(folder: Path) -> Bundle:
    """Read a bundle.

    Raises:
        SourceFileError: if a file is missing or broken.
        ModelMismatchError: if the bundle was written in another format.
    """
    read = _read_json(folder / MANIFEST)
    digests = read.pop(DIGESTS, {})
    manifest = _manifest(read, folder / MANIFEST)
    boosters = tuple(_read_booster(folder / name, str(digests.get(name, ""))) for name in manifest.boosters)
    calibration = Calibration(np.array(manifest.calibration_offset), np.array(manifest.calibration_scale))
    line = _read_line(folder / manifest.line, str(digests.get(manifest.line, ""))) if manifest.line else None
    model = HazardModel(manifest.features, manifest.horizons_days, boosters, calibration, line, manifest.trees_share)
    return Bundle(model, manifest, _read_causes(folder, manifest, digests))


def _cause_texts(bundle: Bundle) -> dict[str, str]:
    """Give the files of the model of causes."""
    causes, manifest = bundle.causes, bundle.manifest
    if causes is None:
        return {}
    trees = {manifest.cause_trees: causes.booster.model_to_string()} if causes.booster else {}
    return {manifest.cause_model: causes_text.write(causes), **trees}


def _read_causes(folder: Path, manifest: Manifest, digests: Mapping[str, Any]) -> CauseModel | None:
    if not manifest.cause_model:
        return None
    path, trees = folder / manifest.cause_model, manifest.cause_trees
    text = _read_text(path, str(digests.get(path.name, "")))
    return causes_text.read(text, _read_booster(folder / trees, str(digests.get(trees, ""))) if trees else None)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _broken(path, f"is no model manifest: {error}") from error
    if not isinstance(read, dict) or not isinstance(read.get(DIGESTS, {}), dict):
        raise _broken(path, "is no model manifest: it holds no JSON object of the manifest's keys")
    return read


def _manifest(read: Mapping[str, Any], path: Path) -> Manifest:
    found = read.get("format")
    if isinstance(found, int) and found in OLDER:
        read = {**OLDER[found], **read}
    elif found != FORMAT:
        raise ModelMismatchError(
            f"{path}: the model is of format {found!r}, this version reads {FORMAT}", fix="train again"
        )
    known = {field.name for field in fields(Manifest)}
    if odd := sorted(known ^ set(read)):
        raise _broken(path, f"is no model manifest of format {FORMAT}: " + _difference(odd, known))
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in read.items()}
    manifest = Manifest(**values)
    sizes = {len(manifest.horizons_days), len(manifest.calibration_offset), len(manifest.calibration_scale)}
    if len(sizes) > 1:
        raise _broken(path, "horizons_days, calibration_offset and calibration_scale differ in length")
    return manifest


def _difference(odd: Sequence[str], known: set[str]) -> str:
    """Say which keys lack and which are not known."""
    lacking, unknown = [key for key in odd if key in known], [key for key in odd if key not in known]
    parts = [f"it lacks {_some(lacking)}"] if lacking else []
    return " and ".join(parts + ([f"it has the unknown {_some(unknown)}"] if unknown else []))


def _read_booster(path: Path, digest: str) -> lgb.Booster:
    return lgb.Booster(model_str=_read_text(path, digest))


def _read_line(path: Path, digest: str) -> RankLogistic:
    told = json.loads(_read_text(path, digest))
    scales = tuple(RankTransform(np.array(knots), np.array(scores)) for knots, scores in told["scales"])
    return RankLogistic(scales, np.array(told["weights"]), np.array(told["intercepts"]))


def _line_text(line: RankLogistic) -> bytes:
    told = {
        "weights": line.weights.tolist(),
        "intercepts": line.intercepts.tolist(),
        "scales": [(scale.knots.tolist(), scale.scores.tolist()) for scale in line.transforms],
    }
    return json.dumps(told, allow_nan=False).encode()


def _read_text(path: Path, digest: str) -> str:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise _broken(path, f"can't be read: {error}") from error
    if sha256(text).hexdigest() != digest:
        raise _broken(path, f"is not the model that {MANIFEST} describes: it was cut short or changed")
    return text.decode()


def _broken(path: Path, why: str) -> SourceFileError:
    return SourceFileError(path, why, fix="train again, or copy the whole model again")
