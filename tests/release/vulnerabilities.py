"""Looks the locked dependencies up in PyPI's advisories, and says of how many nothing could be learnt."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Findings:
    """What pip-audit said of the packages of a lock file."""

    known: tuple[str, ...]  # vulnerabilities, in words
    looked_up: int
    unreachable: tuple[str, ...]  # packages that the advisories' server did not know or give

    @classmethod
    def of(cls, report: dict[str, Any]) -> Findings:
        """Read pip-audit's JSON."""
        told = report["dependencies"]
        audited = [one for one in told if "skip_reason" not in one]
        known = tuple(
            f"{one['name']} {one['version']}: {flaw['id']}, mended in {' or '.join(flaw['fix_versions']) or 'none yet'}"
            for one in audited
            for flaw in one["vulns"]
        )
        return cls(known, len(audited), tuple(one["name"] for one in told if "skip_reason" in one))

    def lines(self) -> list[str]:
        """Say it for people."""
        if self.unreachable and not self.looked_up:
            return [
                f"NOT AUDITED: no advisory data can be reached from here for any of {len(self.unreachable)} packages"
            ]
        missing = [f"not looked up: {', '.join(self.unreachable)}"] if self.unreachable else []
        return [*self.known, *missing, f"{self.looked_up} packages looked up, {len(self.known)} vulnerabilities"]


def main() -> int:
    """Audit a lock file; fail where a vulnerability is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock")
    asked = [
        sys.executable,
        "-m",
        "pip_audit",
        "--disable-pip",
        "--no-deps",
        "--format",
        "json",
        "--progress-spinner",
        "off",
    ]
    ran = subprocess.run([*asked, "-r", parser.parse_args().lock], capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
    if not ran.stdout.strip():
        sys.stderr.write(ran.stderr)
        return 1
    found = Findings.of(json.loads(ran.stdout))
    sys.stdout.write("\n".join(found.lines()) + "\n")
    return int(bool(found.known))


if __name__ == "__main__":
    sys.exit(main())
