from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun

from data.errors import EmptyTableError, NodewardError, SettingsError, UnreachableError
from pipelines.flows.run_state import began_at, failure_markdown, recorded

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def flow_run(due: datetime | None, start: datetime | None) -> FlowRun:
    return FlowRun.model_validate({"flow_id": uuid4(), "expected_start_time": due, "start_time": start})


def test_a_run_began_when_it_started_and_not_before_it_was_due() -> None:
    assert began_at(flow_run(NOON, NOON + HOUR)) == NOON + HOUR
    assert began_at(flow_run(NOON, NOON - HOUR)) == NOON
    assert began_at(flow_run(None, NOON)) == NOON


def test_a_clock_that_lags_does_not_put_a_run_into_the_previous_window() -> None:
    assert began_at(flow_run(NOON, None), NOON - timedelta(seconds=3)) == NOON


@pytest.mark.parametrize(
    "error",
    [SettingsError("a", fix="b"), EmptyTableError("a", "b", fix="c"), UnreachableError("a server", "there", "gone")],
)
def test_the_markdown_of_a_failure_has_its_fix_and_exit_code_and_no_traceback(error: NodewardError) -> None:
    text = failure_markdown("score", error)
    assert text.startswith("# Score: failed")
    assert error.what in text
    assert f"→ {error.fix}" in text
    assert text.endswith(f"Exit code {error.exit_code}.")
    assert "Traceback" not in text


def test_the_markdown_of_a_bug_has_its_traceback() -> None:
    try:
        raise KeyError("x")  # noqa: TRY301  - only a raised error has a traceback
    except KeyError as error:
        text = failure_markdown("score", error)
    assert "This is a bug in Nodeward: KeyError: 'x'" in text
    assert "test_the_markdown_of_a_bug_has_its_traceback" in text
    assert text.endswith("Exit code 1.")


def test_outside_prefect_a_decorated_function_just_runs_or_fails(tmp_path: object) -> None:
    path = f"{tmp_path}/nodeward.toml"
    with open(path, "w", encoding="utf-8"):  # noqa: PTH123  - an empty file
        pass

    def double(_config: str, _overrides: list[str], value: int) -> int:
        return 2 * value

    doubled = recorded("ingest", str, "doubled")(double)
    assert doubled(path, [], 4) == 8
    with pytest.raises(SettingsError, match="no such file"):
        doubled(f"{path}.gone", [], 4)
