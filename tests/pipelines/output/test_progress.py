import io

from rich.console import Console

from pipelines.output.progress import progress_bars


def output(*, is_terminal: bool) -> str:
    out = io.StringIO()
    with progress_bars(Console(file=out, force_terminal=is_terminal, width=80)) as advance:
        advance("telemetry", 0, 0)
        advance("telemetry", 5, 10)
        advance("buckets", 3, 3)
    return out.getvalue()


def test_nothing_is_drawn_without_a_terminal() -> None:
    assert output(is_terminal=False).strip() == ""


def test_a_stage_of_unknown_length_has_no_count() -> None:
    out = io.StringIO()
    with progress_bars(Console(file=out, force_terminal=True, width=80)) as advance:
        advance("training", 0, 0)
    assert "training" in out.getvalue()
    assert "/" not in out.getvalue()


def test_a_count_is_shown_with_its_total() -> None:
    out = io.StringIO()
    with progress_bars(Console(file=out, force_terminal=True, width=80)) as advance:
        advance("judging", 3, 4)
    assert "3/4" in out.getvalue()


def test_a_bar_is_drawn_for_each_stage() -> None:
    assert "telemetry" in output(is_terminal=True)
    assert "buckets" in output(is_terminal=True)
