"""A process that tests kill: it imports what its step needs, reports that it is ready, and waits for its start."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

from pipelines.settings.environment import set_default_variables
from pipelines.settings.load import load

READY: Final = "ready"
STEPS: Final = {
    "ingest": ("pipelines.operations.ingest", "ingest"),
    "train": ("pipelines.operations.train", "train"),
}
IMPORTS: Final = {"ingest": (), "train": ("models.registry.mlflow_registry",)}  # MLflow takes seconds


def main(work: str) -> None:
    """Wait for a JSON list of settings file and overrides on standard input, and run a step of a flow."""
    set_default_variables({"MLFLOW_DISABLE_TELEMETRY": "true"})
    module, name = STEPS[work]
    step = getattr(import_module(module), name)
    for dependency in IMPORTS[work]:
        import_module(dependency)
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    config, *overrides = json.loads(sys.stdin.readline())
    settings = load(Path(config), overrides)
    step(settings, *(() if work == "ingest" else (None,)))


if __name__ == "__main__":
    main(sys.argv[1])
