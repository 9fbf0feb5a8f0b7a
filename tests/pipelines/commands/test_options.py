from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.commands.options import Invocation
from pipelines.settings.schema import Settings
from pipelines.wiring import retries

if TYPE_CHECKING:
    import pytest


def test_an_operation_is_repeated_after_a_transient_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(retries, "DELAYS_SECONDS", (0.0,))
    faults = [ConnectionResetError()]

    def operation(settings: Settings, model: str) -> str:
        if faults:
            raise faults.pop()
        return f"{settings.fleet.name} {model}"

    invocation = Invocation(Path("nodeward.toml"), (), Settings())
    assert invocation.run(operation, "champion") == f"{Settings().fleet.name} champion"
    assert faults == []
