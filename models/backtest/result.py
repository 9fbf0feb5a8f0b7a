"""What a backtest found: every model's probabilities, and their evaluation by horizon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.causes.evaluate import CauseEvaluation, evaluate_causes

if TYPE_CHECKING:
    from pathlib import Path

    from models.backtest.replay import Replay
    from models.evaluation.evaluate import Evaluation
    from models.evaluation.slices.slices import Slicing
    from models.metrics.bootstrap import Resampler


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a backtest found: every model's probabilities, and their judgement by horizon."""

    dataset: str
    alarm_shares: tuple[float, ...]
    lead_hours: tuple[int, ...]  # of notice that failures are counted by as well
    replay: Replay
    evaluations: dict[float, Evaluation]
    slicings: dict[float, Slicing]  # of the model, at the share that people are shown
    resampler: Resampler  # of the evaluations: what is judged by it is paired with them
    dropped: int  # rows of the shortest horizon whose label can't be told
    failures: int  # that start in the window
    seconds: float
    peak_rss_mb: float
    kept: Path | None  # the private state folder, if it is still there
    notices: tuple[str, ...] = ()

    def causes_at(self, horizon_days: float) -> CauseEvaluation | None:
        """Judge what was said of the causes of failures within a horizon; None if nothing was."""
        told = self.replay.causes_at(horizon_days)
        return evaluate_causes(told, self.resampler) if told is not None else None

    @property
    def middle_share(self) -> float:
        """Give the alarm share that people are shown."""
        return middle(self.alarm_shares)


def middle(shares: tuple[float, ...]) -> float:
    """Give the share in the middle, or the one after it."""
    return shares[len(shares) // 2]
