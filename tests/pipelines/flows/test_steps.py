from pipelines.flows.steps import is_worth_retrying, step
from pipelines.wiring.retries import DELAYS_SECONDS


def test_a_step_has_a_name_and_retries_and_stores_no_result() -> None:
    def double(value: int) -> int:
        return 2 * value

    task = step("merge source")(double)
    assert (task.name, task.retries, task.persist_result) == ("merge source", 2, False)
    assert task.retry_delay_seconds == list(DELAYS_SECONDS)
    assert task.retry_condition_fn is is_worth_retrying
    assert task.fn(2) == 4
