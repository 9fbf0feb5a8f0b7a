"""Checks that the packages come from the installed wheel, and that the wheel holds no tests."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

PACKAGES: Final = ("data", "features", "models", "serving", "pipelines", "nodeward")


def main() -> int:
    """Print what is wrong with the wheel; fail if anything is."""
    home = Path(sys.prefix).resolve()
    strays = [name for name in PACKAGES if home not in Path(_location(name)).resolve().parents]
    files = [str(file) for file in distribution("nodeward").files or ()]
    tests = [file for file in files if file.startswith("tests/")]
    for name in strays:
        print(f"{name} was imported from {_location(name)}, not from the wheel")  # noqa: T201 - a script's output
    for file in tests:
        print(f"{file} is in the wheel and should not be")  # noqa: T201 - as above
    return int(bool(strays or tests))


def _location(name: str) -> str:
    return str(importlib.import_module(name).__file__)


if __name__ == "__main__":
    sys.exit(main())
