from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prefect._vendor.croniter.croniter import croniter

from pipelines.flows.schedule_window import window_start
from pipelines.settings.cron import parse_cron

TICK = datetime(2024, 5, 6, 7, 10, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    """Generate one field in every accepted form."""
    number = st.integers(low, high)
    step = st.integers(1, high).map(lambda count: f"/{count}")
    interval = st.tuples(number, number).filter(lambda ends: ends[0] < ends[1]).map(lambda ends: f"{ends[0]}-{ends[1]}")
    stepped = st.tuples(st.one_of(st.just("*"), interval), step).map("".join)
    part = st.one_of(st.just("*"), number.map(str), interval, stepped)
    return st.lists(part, min_size=1, max_size=3).map(",".join)


DAYS = st.one_of(st.tuples(field(1, 28), st.just("*")), st.tuples(st.just("*"), field(0, 6)))


def last_fired(cron: str, at: datetime) -> datetime:
    """Return the newest time at or before `at` of the cron library that Prefect's server schedules with."""
    dates = croniter(cron, at + timedelta(minutes=1))  # type: ignore[no-untyped-call]  # as Prefect ships it
    while (last := dates.get_prev(datetime)) > at:  # type: ignore[no-untyped-call]  # as above
        pass
    assert isinstance(last, datetime)
    return last.replace(tzinfo=UTC)


@given(
    field(0, 59),
    field(0, 23),
    DAYS,
    field(1, 12),
    st.datetimes(datetime(2001, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001  - made UTC below
)
def test_a_window_begins_when_prefects_own_cron_last_fired(
    minute: str, hour: str, days: tuple[str, str], month: str, at: datetime
) -> None:
    cron = parse_cron(f"{minute} {hour} {days[0]} {month} {days[1]}")
    assert window_start(cron, at.replace(tzinfo=UTC)) == last_fired(cron, at)


def test_a_window_contains_its_first_instant_and_not_that_of_the_next() -> None:
    assert window_start("10 * * * *", TICK) == TICK
    assert window_start("10 * * * *", TICK - INSTANT) == TICK - timedelta(hours=1)
    assert window_start("10 * * * *", TICK + timedelta(hours=1) - INSTANT) == TICK


def test_names_and_spaces_are_read_and_empty_means_not_scheduled() -> None:
    assert parse_cron("  30 3  * jan-mar MON ") == "30 3 * jan-mar MON"
    assert parse_cron(" ") == ""


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("61 * * * *", "its minute field can't be '61'"),
        ("0 24 * * *", "its hour field can't be '24'"),
        ("0 0 0 * *", "its day-of-month field can't be '0'"),
        ("0 0 31 2 *", "its day-of-month field can't be '31'"),
        ("0 0 * foo *", "its month field can't be 'foo'"),
        ("0 0 * * 5-2", "its day-of-week field can't be '5-2'"),
        ("*/0 * * * *", "its minute field can't be '\\*/0'"),
        ("0 0 L * *", "its day-of-month field can't be 'L'"),
        ("٣ * * * *", "its minute field"),
        ("0 0 * * mon#2", "its day-of-week field"),
        ("0 0 1 * 1", "leave one at"),
        ("0 * * *", "five fields"),
        ("0 0 * * * *", "five fields"),
        ("@daily", "five fields"),
        (5, "should be a cron line"),
    ],
)
def test_what_cron_dialects_do_not_agree_on_is_refused_with_the_field_named(cron: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_cron(cron)
