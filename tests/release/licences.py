"""Lists the licences of everything that Nodeward installs, and refuses one that nobody has agreed to."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

TOLD: Final = (
    "# Licences of dependencies\n\n"
    "Everything in `requirements.lock`, with what its package says of its licence. Made by `make licences`;\n"
    "`make security` fails where a package comes with a licence that is not on the list in\n"
    "`tests/release/licences.py`.\n\n| package | licence |\n|---|---|\n"
)
AGREED: Final = (
    "apache", "bsd", "mit", "isc", "psf", "python software foundation", "mpl", "mozilla", "unlicense", "zlib",
    "lgpl", "artistic", "lesser general public", "hpnd", "cc0", "0bsd", "public domain",
)  # fmt: skip
UNTOLD: Final = {"huey": "MIT", "skops": "MIT"}  # as their LICENSE files say; their metadata says nothing


def main() -> int:
    """Write the list, or check that it names today's packages; say which licence is not agreed to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    found = _found()
    odd = [f"{name}: {licence}" for name, licence in found.items() if not _is_agreed(licence)]
    sys.stdout.write("".join(f"not agreed to: {one}\n" for one in odd))
    page = TOLD + "".join(f"| {name} | {licence} |\n" for name, licence in found.items())
    if not asked.check:
        asked.file.write_text(page)
    elif asked.file.read_text() != page:
        sys.stdout.write(f"{asked.file} is not what is installed: run `make licences`\n")
        return 1
    sys.stdout.write(f"{len(found)} packages, {len(odd)} with a licence that is not agreed to\n")
    return int(bool(odd))


def _found() -> dict[str, str]:
    command = [sys.executable, "-m", "piplicenses", "--from=mixed", "--format=json", "--with-system"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - a fixed command
    told = {one["Name"]: one["License"] for one in json.loads(ran.stdout)}
    told = {name: UNTOLD.get(name, " ".join(licence.split())[:80]) for name, licence in told.items()}
    return {name: told[name] for name in sorted(told, key=str.lower) if name != "nodeward"}


def _is_agreed(licence: str) -> bool:
    return any(word in licence.lower() for word in AGREED)


if __name__ == "__main__":
    sys.exit(main())
