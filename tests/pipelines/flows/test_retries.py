import pytest

from data.errors import DiskFullError, EmptyTableError, InfrastructureError, UnreachableError
from pipelines.flows.retries import is_worth_retrying, may_pass, step


@pytest.mark.parametrize(
    "error",
    [UnreachableError("a", "b", "c"), InfrastructureError("a", fix="b"), TimeoutError(), ConnectionResetError()],
)
def test_a_fault_of_the_infrastructure_may_pass(error: Exception) -> None:
    assert may_pass(error)


@pytest.mark.parametrize("error", [DiskFullError("a", "b"), EmptyTableError("a"), KeyError("a"), OSError(28, "full")])
def test_a_full_disk_bad_data_and_bugs_do_not_pass(error: Exception) -> None:
    assert not may_pass(error)


def test_a_step_has_a_name_and_retries_and_stores_no_result() -> None:
    def double(value: int) -> int:
        return 2 * value

    task = step("merge source")(double)
    assert (task.name, task.retries, task.persist_result) == ("merge source", 2, False)
    assert task.retry_condition_fn is is_worth_retrying
    assert task.fn(2) == 4
