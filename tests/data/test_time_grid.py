from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from data.time_grid import EPOCH, MICROSECOND, ceil_time, floor_time

HOUR = timedelta(hours=1)
MOMENTS = st.datetimes(datetime(1902, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  - the zone is given apart
WIDTHS = st.timedeltas(MICROSECOND, timedelta(days=400))


def test_a_time_on_the_grid_stays() -> None:
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert floor_time(noon, HOUR) == ceil_time(noon, HOUR) == noon


def test_a_time_off_the_grid_goes_to_the_bucket_before_or_to_its_own() -> None:
    moment = datetime(2024, 5, 1, 12, 0, 0, 1, tzinfo=UTC)
    assert floor_time(moment, HOUR) == datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert ceil_time(moment, HOUR) == datetime(2024, 5, 1, 13, tzinfo=UTC)


@given(MOMENTS, WIDTHS)
def test_the_nearest_multiples_of_the_width_are_taken(moment: datetime, width: timedelta) -> None:
    low, high = floor_time(moment, width), ceil_time(moment, width)
    assert low <= moment <= high
    assert high - low == (timedelta(0) if low == moment else width)
    assert (low - EPOCH) % width == timedelta(0)
