from __future__ import annotations

import pytest

from data.errors import DiskFullError, EmptyTableError, InfrastructureError, UnreachableError
from pipelines.wiring.retries import DELAYS_SECONDS, is_transient, with_retries


class Work:
    """Fails with each of some errors in turn, and then succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.waits: list[float] = []

    def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    def run(self) -> str:
        return with_retries(self, self.waits.append)


@pytest.mark.parametrize(
    "error",
    [UnreachableError("a", "b", "c"), InfrastructureError("a", fix="b"), TimeoutError(), ConnectionResetError()],
)
def test_a_fault_of_the_infrastructure_is_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize("error", [DiskFullError("a", "b"), EmptyTableError("a"), KeyError("a"), OSError(28, "full")])
def test_a_full_disk_bad_data_and_bugs_are_not_transient(error: Exception) -> None:
    assert not is_transient(error)


@pytest.mark.parametrize("faults", range(len(DELAYS_SECONDS) + 1))
def test_work_is_repeated_after_each_delay_until_the_fault_has_passed(faults: int) -> None:
    work = Work(*(TimeoutError() for _ in range(faults)))
    assert (work.run(), work.waits) == ("done", list(DELAYS_SECONDS[:faults]))


def test_a_fault_that_does_not_pass_is_raised_after_the_last_retry() -> None:
    work = Work(*(ConnectionResetError(f"fault {number}") for number in range(4)))
    with pytest.raises(ConnectionResetError, match="fault 2"):
        work.run()
    assert work.waits == list(DELAYS_SECONDS)


def test_an_error_that_will_not_pass_is_raised_at_once() -> None:
    work = Work(EmptyTableError("no events"))
    with pytest.raises(EmptyTableError):
        work.run()
    assert work.waits == []
