"""The windows in which failures are counted: of a node itself, of the nodes around it, and of the whole fleet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from data.time_grid import DAY
from features.feature import window_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Windows = tuple[timedelta, ...]

WEEK: Final = 7 * DAY
MONTH: Final = 30 * DAY
QUARTER: Final = 90 * DAY


@dataclass(frozen=True, slots=True)
class HistoryWindows:
    """Ascending windows; the usual ones are for forecasts of days and weeks."""

    node: Windows = (3 * DAY, WEEK, 2 * WEEK, MONTH, QUARTER, 365 * DAY)
    group: Windows = (WEEK, MONTH)  # a rack or a hardware model, the node included
    neighbours: Windows = (WEEK, MONTH, QUARTER)  # the other nodes of the rack, and the nodes next to it
    fleet: Windows = (WEEK,)

    @classmethod
    def of(cls, written: Windows, horizons: Sequence[timedelta]) -> HistoryWindows:
        """Return the windows that were written, each for all counts.

        If none were, return the usual ones, and for forecasts of less than a day also 1d and each horizon below it.
        """
        if written:
            return cls(written, written, written, written)
        usual, short = cls(), {horizon for horizon in horizons if horizon < DAY}
        return usual.with_windows({*short, DAY}) if short else usual

    @classmethod
    def in_names(cls, names: Iterable[str]) -> HistoryWindows:
        """Return every window that features of these names have: the counts of a model's features are among them."""
        windows = tuple(sorted({window for name in names if (window := window_in(name)) is not None}))
        return cls(windows, windows, windows, windows)

    def with_windows(self, more: Iterable[timedelta]) -> HistoryWindows:
        """Return these windows and some more, for all counts."""
        all_windows = (self.node, self.group, self.neighbours, self.fleet)
        return HistoryWindows(*(tuple(sorted({*windows, *more})) for windows in all_windows))
