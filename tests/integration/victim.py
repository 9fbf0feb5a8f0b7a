"""A process to be killed: imports everything, says that it is ready, and does one ingest or training when told to."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

from pipelines.ingest import merge_source
from pipelines.settings import load, set_default_variables
from pipelines.train import train_and_register

READY = "ready"


def main() -> None:
    """Wait for an order, a JSON list of work, settings file and overrides, and carry it out."""
    set_default_variables({"MLFLOW_DISABLE_TELEMETRY": "true"})
    import_module("models.registry")  # MLflow takes seconds
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    work, config, *overrides = json.loads(sys.stdin.readline())
    settings = load(Path(config), overrides)
    if work == "ingest":
        merge_source.fn(settings)
    else:
        train_and_register.fn(settings, None)


if __name__ == "__main__":
    main()
