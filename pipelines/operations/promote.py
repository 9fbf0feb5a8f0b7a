"""Makes a registered model the champion."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from models.registry.model_version import CHAMPION
from pipelines.wiring import wiring

if TYPE_CHECKING:
    from pipelines.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Promoted:
    """The version of the new champion, and of the previous one; None if there was none."""

    model: str
    previous: str | None = field(metadata={"json": "was"})

    @property
    def summary(self) -> str:
        """What changed, as one sentence."""
        if self.model == self.previous:
            return f"model {self.model} is the champion already: `nodeward score` uses it"
        before = "" if self.previous is None else f", in place of model {self.previous}"
        return f"model {self.model} is now the champion{before}: `nodeward score` uses it"


def promote(settings: Settings, model: str) -> Promoted:
    """Promote a model by alias or version.

    Raises:
        DataError: if there is no such model.
    """
    registry = wiring.registry(settings)
    previous = next((version.version for version in registry.versions() if CHAMPION in version.aliases), None)
    return Promoted(registry.promote(model), previous)
