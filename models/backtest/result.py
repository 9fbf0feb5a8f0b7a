"""The result of a backtest: every model's probabilities, and their evaluation by horizon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from data.durations import format_duration
from models.causes.evaluate import CauseEvaluation, evaluate_causes

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

    from models.backtest.replay import Replay
    from models.evaluation.evaluate import AlarmBudgets, Evaluation
    from models.evaluation.slices.slices import Slicing
    from models.metrics.bootstrap import Resampler


@dataclass(frozen=True, slots=True, repr=False)
class Backtest:
    """Every model's probabilities, and their evaluation by horizon."""

    dataset: str
    budgets: AlarmBudgets
    replay: Replay
    evaluations: dict[timedelta, Evaluation]
    slicings: dict[timedelta, Slicing]  # of the model, at the headline's alarm rate
    resampler: Resampler  # of the evaluations: what else is resampled by it is paired with them
    dropped: int  # rows of the shortest horizon whose label is unknown
    failures: int  # that start in the window
    seconds: float
    peak_rss_mb: float
    state_folder: Path | None  # the private state folder, if it still exists
    notices: tuple[str, ...] = ()

    def evaluate_causes(self, horizon: timedelta) -> CauseEvaluation | None:
        """Evaluate the forecast causes of failures within a horizon; None if none was forecast."""
        causes = self.replay.causes_within(horizon)
        return evaluate_causes(causes, self.resampler) if causes is not None else None

    def __repr__(self) -> str:
        window = self.replay.window
        horizons = ", ".join(map(format_duration, self.evaluations))
        return (
            f"<Backtest of {self.dataset}, {window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}: {self.failures} failures, "
            f"horizons of {horizons}>"
        )
