"""Makes a registered model the champion, and says which one was it before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.registry.runs import CHAMPION

if TYPE_CHECKING:
    from models.registry.mlflow_registry import Registry


@dataclass(frozen=True, slots=True)
class Promoted:
    """The champion by its version, and the one before it; None if there was none."""

    model: str
    was: str | None

    @property
    def in_words(self) -> str:
        """Say what changed."""
        before = "" if self.was is None else f", in the place of model {self.was}"
        return f"model {self.model} is the champion now{before}: `nodeward score` goes by it"


def choose(registry: Registry, wanted: str) -> Promoted:
    """Promote a model by alias or version.

    Raises:
        DataError: if there is no such model.
    """
    was = next((one.version for one in registry.versions() if CHAMPION in one.aliases), None)
    return Promoted(registry.promote(wanted), was)
