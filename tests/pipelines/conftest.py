"""Keeps Prefect, which reads its settings when it is imported, out of the home folder of the user."""

import os
import tempfile
from pathlib import Path

from pipelines.settings.environment import set_default_variables


def pytest_configure() -> None:
    set_default_variables({"PREFECT_HOME": str(Path(tempfile.gettempdir()) / f"nodeward-tests-{os.getuid()}")})
