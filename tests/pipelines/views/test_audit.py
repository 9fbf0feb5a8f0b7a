import io
from datetime import UTC, datetime

from rich.console import Console

from models.audit.finding import Finding, Severity, inconclusive
from pipelines.analysis.audit import AuditReport
from pipelines.views.audit import show_audit, summary

DAY = datetime(2021, 1, 1, tzinfo=UTC)
REPORT = AuditReport(
    "made up",
    DAY,
    DAY,
    1.0,
    (
        Finding("a clear one", Severity.CLEAR, "1 of 9"),
        inconclusive("one", "there is no telemetry"),
        inconclusive("two", "there is no telemetry"),
        inconclusive("three", "0 failures"),
        Finding("a trap", Severity.FOUND, "9 of 9", 1.0, 0.1, ("n1", "[bold]n2"), "fix it"),
        Finding("a doubt", Severity.SUSPICIOUS, "2 of 9"),
    ),
)


def printed() -> str:
    out = io.StringIO()
    show_audit(REPORT, Console(file=out, width=60))
    return out.getvalue()


def test_the_worst_comes_first() -> None:
    places = [printed().index(name) for name in ("a trap", "a doubt", "one, two", "three", "a clear one")]
    assert places == sorted(places)


def test_a_finding_has_its_examples_and_its_remedy() -> None:
    lines = [line.strip() for line in printed().splitlines()]
    figure = lines.index("9 of 9")
    assert lines[figure + 1 : figure + 4] == ["n1", "[bold]n2", "→ fix it"]


def test_inconclusive_tests_with_one_reason_are_printed_together() -> None:
    assert printed().count("there is no telemetry") == 1


def test_verdicts_are_counted() -> None:
    assert summary(REPORT) == "1 found, 1 suspicious, 3 can't tell, 1 clear."
    assert REPORT.named(Severity.INCONCLUSIVE) == ["one", "two", "three"]
