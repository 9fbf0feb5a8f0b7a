"""Nodeward in a notebook: `import nodeward as nw`. Frames are pandas.

    fleet = nw.open_fleet("nodeward.toml")
    nw.ingest(fleet)
    nw.train(fleet)
    nw.score(fleet)

A time is a datetime, a date or ISO 8601 text; without a zone it is UTC. Notices of the commands are warnings here.
The import sets GOMP_SPINCOUNT=3000, if it is not set: LightGBM's threads then go to sleep soon while they wait.
"""

from __future__ import annotations

import warnings
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd
import pyarrow as pa

from data.disk.atomic_write import atomic_file
from data.errors import ColumnError, NodewardError, SettingsError
from data.time_grid import in_hours
from pipelines.settings.environment import THREAD_DEFAULTS, set_default_variables
from pipelines.settings.load import load, load_folder
from pipelines.settings.schema import Settings

set_default_variables(THREAD_DEFAULTS)  # before LightGBM, which the modules below import, loads OpenMP

from data.simulator.history.plan import SimulationPlan
from features.feature import window_name
from models.backtest import export
from models.backtest.result import Backtest
from models.metrics.estimate import Estimate
from models.registry.model_version import CHALLENGER, CHAMPION
from pipelines.analysis import backtest as backtesting
from pipelines.analysis import explain as explaining
from pipelines.analysis import features as featuring
from pipelines.operations import decide as deciding
from pipelines.operations import ingest as ingesting
from pipelines.operations import promote as promoting
from pipelines.operations import score as scoring
from pipelines.operations import simulate as simulating
from pipelines.operations import train as training
from pipelines.output.markdown import quarantine_remarks
from pipelines.output.reports import TrainReport
from serving.explanation.reason import reasons_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pipelines.analysis.explain import Explanation
    from pipelines.output.reports import ScoredNode

__all__ = [
    "Backtest",
    "NodewardError",
    "NodewardWarning",
    "Settings",
    "TrainReport",
    "backtest",
    "decide",
    "describe_features",
    "explain",
    "features",
    "figures",
    "ingest",
    "open_fleet",
    "probabilities",
    "promote",
    "score",
    "simulate",
    "train",
    "write_records",
]

Time = datetime | date | str
EXPLANATION_TYPES: Final = {
    "node": "str",
    "probability": "float64",
    "horizon_hours": "float64",
    "rank": "int64",
    "text": "str",
    "odds": "float64",
    "metric": "str",
    "statistic": "str",
    "feature": "str",
    "value": "float64",
    "unit": "str",
    "low": "float64",
    "high": "float64",
    "since": "datetime64[us, UTC]",
    "or_earlier": "bool",
    "ts": "datetime64[us, UTC]",
    "model_version": "str",
}
DECISION_TYPES: Final = {
    "node": "str",
    "verdict": "str",
    "probability": "float64",
    "expected_saving": "float64",
    "reason": "str",
    "limit": "str",
}


class NodewardWarning(UserWarning):
    """Something that the user should know of a result, such as records that end long before the time scored."""


def open_fleet(path: Path | str, *overrides: str) -> Settings:
    """Return the settings of a fleet, which the other functions take.

    Args:
        path: a settings file, or a folder with a `nodeward.toml`. Relative paths in it start at the working directory.
            Or a folder of records (Parquet or CSV files) without one: it gets a state folder `var` inside.
        overrides: settings that take precedence, such as "clock.now=data", as the command line's --set takes them.

    Raises:
        NodewardError: if there is no such file or folder, or a setting is wrong.
    """
    read = load_folder if Path(path).is_dir() else load
    return read(Path(path), overrides)


def write_records(
    folder: Path | str,
    *,
    nodes: pd.DataFrame,
    events: pd.DataFrame,
    telemetry: pd.DataFrame | None = None,
    blind: pd.DataFrame | None = None,
) -> Path:
    """Write frames as a folder of Parquet files that `open_fleet` opens, and replace those that are there.

    The file of a table that is not given is removed. The README lists the columns, in 'Point it at your own cluster'.

    Raises:
        NodewardError: if there is a file in the folder's place, or an index has the name of a column.
    """
    target = Path(folder)
    given = {"nodes": nodes, "events": events, "telemetry": telemetry, "blind": blind}
    tables = {name: _columns_of(name, frame) for name, frame in given.items() if frame is not None}
    try:
        target.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise SettingsError(f"{target}: is a file, or is below one", fix="name a folder") from None
    for name in given.keys() - tables.keys():
        (target / f"{name}.parquet").unlink(missing_ok=True)
    for name, table in tables.items():
        with atomic_file(target / f"{name}.parquet") as part:
            table.to_parquet(part, index=False)
    return target


def simulate(folder: Path | str, nodes: int = 400, days: int = 180, seed: int = 1) -> Settings:
    """Simulate a fleet with hourly telemetry into a new folder, and open it."""
    plan = SimulationPlan(nodes, days, seed, interval=timedelta(hours=1))
    report = simulating.simulate(plan, Path(folder))
    return load(report.config)


def ingest(fleet: Settings) -> pd.DataFrame:
    """Merge the fleet's source into its state; what is there already changes nothing.

    Returns:
        What became of the rows: a row for each table (the index), a column for each outcome. Why rows were
        quarantined is a warning.
    """
    report = ingesting.ingest(_opened(fleet))
    _warn([*quarantine_remarks(report), *report.notices])
    outcomes = ("inserted", "replaced", "unchanged", "duplicates", "outdated", "quarantined")
    rows = {name: [getattr(table, outcome) for outcome in outcomes] for name, table in report.tables.items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(outcomes))


def features(fleet: Settings, at: Time | None = None) -> pd.DataFrame:
    """Return the features of every node at risk, by what was known at a time (default: now).

    Returns:
        A row for each node (the index), a column for each feature; NaN where it is unknown. Nodes that are down,
        under repair or not reporting have no row. The columns depend on the metrics ingested so far, and on the racks,
        hardware models and common causes of failure known at the time.

    Raises:
        NodewardError: if no node was observed by then, or the time is in the future.
    """
    return featuring.features(_opened(fleet), _utc(at)).to_pandas().set_index("node")


def describe_features(fleet: Settings, at: Time | None = None) -> pd.DataFrame:
    """Return what each column of `features` holds: its metric, statistic, window and unit, and why it should matter."""
    rows = [
        {
            "feature": feature.name,
            "metric": feature.metric,
            "statistic": feature.statistic.name,
            "window": window_name(feature.window),
            "unit": feature.unit,
            "why": feature.why,
        }
        for feature in featuring.catalogue(_opened(fleet), _utc(at)).features
    ]
    return pd.DataFrame(rows).set_index("feature")


def train(fleet: Settings, until: Time | None = None) -> TrainReport:
    """Train on what was known at a time (default: now), and register the model as challenger."""
    report = training.train(_opened(fleet), _utc(until))
    _warn(report.notices)
    return report


def promote(fleet: Settings, model: str | int = CHALLENGER) -> str:
    """Make a registered model, by alias or version, the champion; return its version."""
    return promoting.promote(_opened(fleet), str(model)).model


def score(fleet: Settings, model: str | int = CHAMPION, at: Time | None = None) -> pd.DataFrame:
    """Score every node by a registered model (alias or version) as of a time (default: now), and publish the scores.

    Scores of an earlier time than the published ones are only added to the history.

    Returns:
        A row for each node (the index), the riskiest first: support, a probability for each horizon, likely cause and
        reasons. A node that is not reporting has support 'unknown' and no probability. `attrs` holds `as_of` (ISO 8601,
        UTC) and `model_version`.
    """
    report = scoring.score(_opened(fleet), str(model), _utc(at))
    _warn(report.notices)
    frame = pd.DataFrame([_score_row(node) for node in report.scores]).set_index("node")
    frame.attrs = {"as_of": report.as_of.isoformat(), "model_version": report.model_version}
    return frame


def explain(fleet: Settings, node: str | None = None, at: Time | None = None) -> pd.DataFrame:
    """Return why nodes have their published scores, or had the last scores as of a time.

    Returns:
        A row for each node and reason, the riskiest node and its strongest reason first. `probability` is that of the
        longest horizon. `odds` is the factor by which the metric multiplies the node's odds of failing; `low` and
        `high` bound the normal range. `feature` is the one that contributes most, as `describe_features` names it;
        without odds the reason is too little data, not a feature.
    """
    explanations = explaining.explain(_opened(fleet), node, _utc(at))
    rows = [row for explanation in explanations for row in _reason_rows(explanation)]
    return pd.DataFrame(rows, columns=list(EXPLANATION_TYPES)).astype(EXPLANATION_TYPES)


def decide(fleet: Settings, at: Time | None = None) -> pd.DataFrame:
    """Decide by the published scores which nodes should be drained, and record it; no node is touched.

    Returns:
        A row for each node (the index) for which a drain would pay: verdict 'drain', or 'hold back' where a doubt
        or a limit, which is named, forbids it. `attrs` holds `as_of` (ISO 8601, UTC) and `threshold`, the probability
        above which a drain pays.
    """
    report = deciding.decide(_opened(fleet), _utc(at))
    rows = [asdict(decision) for decision in (*report.drains, *report.held_back)]
    frame = pd.DataFrame(rows, columns=list(DECISION_TYPES)).astype(DECISION_TYPES).set_index("node")
    frame.attrs = {"as_of": report.as_of.isoformat(), "threshold": report.threshold}
    return frame


def backtest(fleet: Settings, start: Time, end: Time | None = None) -> Backtest:
    """Ingest the source into a private folder, train on what was known at `start`, evaluate forecasts up to `end`.

    `figures` and `probabilities` make frames of the result. Messages name the times as the command does: --test-start
    and --test-end.
    """
    result = backtesting.run(_opened(fleet), _in_utc(start), _utc(end), keep=False)
    _warn(result.notices)
    return result


def figures(result: Backtest) -> pd.DataFrame:
    """Return the figures of the protocol: one row for each horizon, model, measure and, where it matters, alarm budget.

    Returns:
        horizon_hours, model, alarm_share or alarms_per_node_day (both NaN: over all rows), measure, value, and the 95%
        interval low to high (NaN: a count, or too few failures for an interval).
    """
    return pd.DataFrame(list(_figure_rows(result)))


def probabilities(result: Backtest) -> pd.DataFrame:
    """Return every probability of a backtest: node, ts, horizon_hours, model, probability."""
    frame: pd.DataFrame = pa.concat_tables(list(export.score_tables(result))).to_pandas()
    return frame


def _columns_of(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with its index, if that has a name, as columns."""
    for level in frame.index.names:
        if level in frame.columns:
            fix = "reset_index(drop=True) removes the index"
            raise ColumnError(f"{name}: the index and a column are both named {level!r}", fix=fix)
    return frame.reset_index(drop=frame.index.names == [None])


def _score_row(node: ScoredNode) -> dict[str, object]:
    horizons = {f"probability_{horizon}": probability for horizon, probability in node.probabilities.items()}
    return {
        "node": node.node,
        "support": node.support,
        **horizons,
        "likely_cause": node.likely_cause.cause,
        "data_age_hours": node.data_age_hours,
        "reasons": reasons_text(node.reasons),
    }


def _reason_rows(explanation: Explanation) -> Iterator[dict[str, object]]:
    for rank, reason in enumerate(explanation.reasons, start=1):
        feature = None if reason.odds is None else f"{reason.metric}__{reason.statistic}"
        facts = asdict(explanation)
        hours = in_hours(facts.pop("horizon"))
        yield {**facts, **asdict(reason), "horizon_hours": hours, "rank": rank, "feature": feature}


def _figure_rows(result: Backtest) -> Iterator[dict[str, object]]:
    for horizon, evaluation in result.evaluations.items():
        for model, measured in evaluation.models.items():
            budgets = (
                (None, None, measured.measures),
                *((share, None, measures) for share, measures in measured.budgets.items()),
                *((None, rate, measures) for rate, measures in measured.episode_budgets.items()),
            )
            for share, rate, measures in budgets:
                keys = {
                    "horizon_hours": in_hours(horizon),
                    "model": model,
                    "alarm_share": share,
                    "alarms_per_node_day": rate,
                }
                for measure, figure in measures.items():
                    values = figure.to_json() if isinstance(figure, Estimate) else {"value": figure}
                    yield {**keys, "measure": measure, **values}


def _utc(time: Time | None) -> datetime | None:
    return None if time is None else _in_utc(time)


def _in_utc(time: Time) -> datetime:
    text = time.isoformat() if isinstance(time, date) else time  # a datetime is a date
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        fix = 'write it as "2026-03-31" or "2026-03-31 06:00", in UTC'
        raise SettingsError(f"{time!r}: not a time", fix=fix) from None
    return pd.to_datetime(moment, utc=True).to_pydatetime()


def _opened(fleet: Settings) -> Settings:
    if not isinstance(fleet, Settings):
        raise SettingsError(f"{fleet!r}: not an open fleet", fix="open it first: nw.open_fleet(path)")
    return fleet


def _warn(notices: Iterable[str]) -> None:
    for notice in notices:
        warnings.warn(notice, NodewardWarning, stacklevel=3)
