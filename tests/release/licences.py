"""Lists the licences of everything that Nodeward installs, and refuses those that are not on the accepted list."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

INTRODUCTION: Final = (
    "# Licences of dependencies\n\n"
    "Everything in `requirements.lock`, with what its package says of its licence. Made by `make licences`;\n"
    "`make security` fails where a package comes with a licence that is not on the list in\n"
    "`tests/release/licences.py`.\n\n| package | licence |\n|---|---|\n"
)
ACCEPTED: Final = (
    "apache", "bsd", "mit", "isc", "psf", "python software foundation", "mpl", "mozilla", "unlicense", "zlib",
    "lgpl", "artistic", "lesser general public", "hpnd", "cc0", "0bsd", "public domain",
)  # fmt: skip
MISSING: Final = {"huey": "MIT", "skops": "MIT"}  # from their LICENSE files; their metadata has no licence


def main() -> int:
    """Write the list, or check that it is up to date; print the licences that are not accepted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    licences = _installed_licences()
    refused = [f"{name}: {licence}" for name, licence in licences.items() if not _is_accepted(licence)]
    sys.stdout.write("".join(f"not accepted: {line}\n" for line in refused))
    page = INTRODUCTION + "".join(f"| {name} | {licence} |\n" for name, licence in licences.items())
    if not arguments.check:
        arguments.file.write_text(page)
    elif arguments.file.read_text() != page:
        sys.stdout.write(f"{arguments.file} is not what is installed: run `make licences`\n")
        return 1
    sys.stdout.write(f"{len(licences)} packages, {len(refused)} with a licence that is not accepted\n")
    return int(bool(refused))


def _installed_licences() -> dict[str, str]:
    command = [sys.executable, "-m", "piplicenses", "--from=mixed", "--format=json", "--with-system"]
    process = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - a fixed command
    licences = {package["Name"]: package["License"] for package in json.loads(process.stdout)}
    licences = {name: MISSING.get(name, " ".join(licence.split())[:80]) for name, licence in licences.items()}
    return {name: licences[name] for name in sorted(licences, key=str.lower) if name != "nodeward"}


def _is_accepted(licence: str) -> bool:
    return any(word in licence.lower() for word in ACCEPTED)


if __name__ == "__main__":
    sys.exit(main())
