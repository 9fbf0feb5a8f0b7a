"""Looks the locked dependencies up in PyPI's advisories, and counts those that could not be looked up."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What pip-audit reports on the packages of a lock file."""

    vulnerabilities: tuple[str, ...]
    looked_up: int
    not_looked_up: tuple[str, ...]  # packages that the advisories' server did not know or did not return

    @classmethod
    def of(cls, report: dict[str, Any]) -> AuditResult:
        """Parse pip-audit's JSON."""
        packages = report["dependencies"]
        audited = [package for package in packages if "skip_reason" not in package]
        vulnerabilities = tuple(
            f"{package['name']} {package['version']}: {vulnerability['id']}, "
            f"fixed in {' or '.join(vulnerability['fix_versions']) or 'no version yet'}"
            for package in audited
            for vulnerability in package["vulns"]
        )
        skipped = tuple(package["name"] for package in packages if "skip_reason" in package)
        return cls(vulnerabilities, len(audited), skipped)

    def lines(self) -> list[str]:
        """Format the result for a terminal."""
        skipped = self.not_looked_up
        if skipped and not self.looked_up:
            return [f"NOT AUDITED: no advisory data can be reached from here for any of {len(skipped)} packages"]
        missing = [f"not looked up: {', '.join(skipped)}"] if skipped else []
        total = f"{self.looked_up} packages looked up, {len(self.vulnerabilities)} vulnerabilities"
        return [*self.vulnerabilities, *missing, total]


def main() -> int:
    """Audit a lock file; fail if a vulnerability is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock")
    options = ["--disable-pip", "--no-deps", "--format", "json", "--progress-spinner", "off"]
    command = [sys.executable, "-m", "pip_audit", *options, "-r", parser.parse_args().lock]
    process = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a fixed command
    if not process.stdout.strip():
        sys.stderr.write(process.stderr)
        return 1
    result = AuditResult.of(json.loads(process.stdout))
    sys.stdout.write("\n".join(result.lines()) + "\n")
    return int(bool(result.vulnerabilities))


if __name__ == "__main__":
    sys.exit(main())
