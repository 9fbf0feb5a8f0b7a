"""Every key of the settings with its type, its default and its bounds."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from data.outages import repeat_within
from data.schema import Metric, MetricKind
from data.validation.node_names import BOARD_PATTERNS
from models.setup import UNKNOWN_CAUSES
from pipelines.settings.field_types import (
    Amount,
    Count,
    Cron,
    Duration,
    DurationOrEmpty,
    Folder,
    Name,
    NodePattern,
    PositiveAmount,
    PositiveCount,
    PositiveDuration,
    PositiveShare,
    Sampling,
    Share,
    SmartNumber,
    TimeFormat,
    Zone,
    aligned_with_days,
    ascending,
)
from pipelines.settings.translation import into


class Section(BaseModel):
    """A table of the settings: unknown keys are errors, and values cannot change after they are read."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, allow_inf_nan=False)


class FleetSettings(Section):
    """The fleet that this installation watches."""

    name: Name = "fleet"


class EventColumns(Section):
    """The source's names of the columns of events, where they differ from the canonical ones."""

    node: Name | None = None
    start: Name | None = None
    end: Name | None = None
    kind: Name | None = None
    cause: Name | None = None
    source: Name | None = None
    recorded_at: Name | None = None
    end_recorded_at: Name | None = None


class NodeColumns(Section):
    """The source's names of the columns of the inventory, where they differ from the canonical ones."""

    node: Name | None = None
    rack: Name | None = None
    hardware: Name | None = None
    partition: Name | None = None
    observed_from: Name | None = None
    observed_until: Name | None = None
    as_of: Name | None = None
    revised_at: Name | None = None


class BlindColumns(Section):
    """The source's names of the columns of blind periods, where they differ from the canonical ones."""

    start: Name | None = None
    end: Name | None = None
    recorded_at: Name | None = None


class SourceColumns(Section):
    """Canonical names on the left, the source's names on the right; metrics of telemetry may be renamed too."""

    telemetry: dict[Name, Name] = {}
    events: EventColumns = EventColumns()
    nodes: NodeColumns = NodeColumns()
    blind: BlindColumns = BlindColumns()

    def mapping(self) -> dict[str, dict[str, str]]:
        """Return the source's name by canonical name for each table, where they differ."""
        return self.model_dump(exclude_none=True)


class CsvSettings(Section):
    """How the cells of CSV files are written."""

    time: TimeFormat = "iso"
    zone: Zone = ""
    missing: tuple[str, ...] = ("", "-", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None")
    decimal: Literal[".", ","] = "."
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","


class BackblazeSettings(Section):
    """Which parts of Backblaze's drive statistics are read."""

    smart: Annotated[tuple[SmartNumber, ...], Field(min_length=1), AfterValidator(ascending)] = (
        5, 10, 12, 187, 188, 189, 196, 197, 198,
    )  # fmt: skip
    changes_only: Annotated[bool, Field(strict=True)] = True


class SourceSettings(Section):
    """Where records come from, and how late they can be read."""

    kind: Literal["parquet", "csv", "backblaze"] = "parquet"
    path: Folder = Path("records")
    delay: Duration = timedelta(0)
    columns: SourceColumns = SourceColumns()
    csv: CsvSettings = CsvSettings()
    backblaze: BackblazeSettings = BackblazeSettings()


class StateSettings(Section):
    """Where Nodeward keeps everything that it writes."""

    path: Folder = Path("var")
    url: str = ""


class ClockSettings(Section):
    """Which time counts as now: the wall clock's, or for historical records the newest time that they hold."""

    now: Literal["wall", "data"] = "wall"


class BucketSettings(Section):
    """How telemetry is cut into buckets."""

    width: Annotated[PositiveDuration, AfterValidator(aligned_with_days)] = timedelta(days=1)


class IdentitySettings(Section):
    """Which spellings of a node's name mean the same node."""

    ports: Annotated[bool, Field(strict=True)] = True
    domains: tuple[Name, ...] = ()
    patterns: tuple[NodePattern, ...] = BOARD_PATTERNS
    max_unknown_share: Share = 0.01
    aliases: dict[Name, Name] = {}


class MetricColumn(Section):
    """How one metric is read, where it differs from the defaults."""

    kind: MetricKind | None = None
    sampling: Sampling | None = None
    unit: str = ""
    label: str = ""
    min: Annotated[float, Field(strict=True)] | None = None
    max: Annotated[float, Field(strict=True)] | None = None
    idle_below: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _min_below_max(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            msg = f"min = {self.min:g} is above max = {self.max:g}"
            raise ValueError(msg)
        return self


class MetricSettings(Section):
    """How the columns of telemetry are read."""

    default_kind: MetricKind = MetricKind.GAUGE
    default_sampling: Sampling = "sampled"
    ignore: tuple[Name, ...] = ()
    columns: dict[Name, MetricColumn] = {}

    def metric(self, name: str) -> Metric:
        """Return the description of one column of telemetry."""
        column = self.columns.get(name, MetricColumn())
        kind, sampling = column.kind or self.default_kind, column.sampling or self.default_sampling
        return into(Metric, column, name=name, kind=kind, sampling=sampling)

    @model_validator(mode="after")
    def _idle_only_for_sampled_gauges(self) -> Self:
        for metric in map(self.metric, self.columns):
            if metric.idle_below is not None and (metric.kind, metric.sampling) != (MetricKind.GAUGE, "sampled"):
                msg = (
                    f"columns.{metric.name}.idle_below = {metric.idle_below:g} has no effect: only a gauge that "
                    f"is sampled shows when a node is idle, and {metric.name} is a {metric.kind}, {metric.sampling}"
                )
                raise ValueError(msg)
        return self


class ForecastSettings(Section):
    """What is forecast, how often, and for which nodes."""

    horizons: Annotated[tuple[PositiveDuration, ...], Field(min_length=1), AfterValidator(ascending)] = (
        timedelta(days=1),
        timedelta(days=3),
        timedelta(days=7),
        timedelta(days=14),
    )
    every: Annotated[PositiveDuration, AfterValidator(aligned_with_days)] = timedelta(days=1)
    repeat: DurationOrEmpty = None
    coverage_metric: str = ""
    coverage_share: PositiveShare = 0.9
    alarm_shares: Annotated[tuple[PositiveShare, ...], Field(min_length=1), AfterValidator(ascending)] = (
        0.005,
        0.01,
        0.02,
    )
    alarm_rates: Annotated[tuple[PositiveAmount, ...], Field(min_length=1), AfterValidator(ascending)] = (
        0.0025,
        0.005,
        0.01,
    )
    leads: Annotated[tuple[PositiveDuration, ...], AfterValidator(ascending)] = (timedelta(days=1),)
    history_start: date | None = None

    def repeat_within(self, horizon: timedelta) -> timedelta:
        """Return how soon after another one's end a failure belongs to it, for forecasts over a horizon."""
        return repeat_within(horizon) if self.repeat is None else self.repeat

    @property
    def history_start_time(self) -> datetime | None:
        """Midnight UTC of `history_start`."""
        start = self.history_start
        return None if start is None else datetime(start.year, start.month, start.day, tzinfo=UTC)


class FeatureSettings(Section):
    """The windows that features look back over, and those in which failures are counted."""

    windows: Annotated[tuple[PositiveDuration, ...], Field(min_length=2), AfterValidator(ascending)] = (
        timedelta(days=1),
        timedelta(days=7),
        timedelta(days=30),
    )
    history_windows: Annotated[tuple[PositiveDuration, ...], AfterValidator(ascending)] = ()


class ModelSettings(Section):
    """How the hazard model is trained."""

    min_failures: PositiveCount = 50
    folds: Annotated[int, Field(strict=True, ge=1, le=20)] = 3
    seeds: Annotated[int, Field(strict=True, ge=1, le=50)] = 3
    random_seed: Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)] = 1
    trees: Annotated[int, Field(strict=True, ge=1, le=20_000)] = 150
    leaves: Annotated[int, Field(strict=True, ge=2, le=4096)] = 8
    learning_rate: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.05
    min_child: PositiveCount = 50
    feature_share: PositiveShare = 0.2
    row_share: PositiveShare = 0.7
    l2: Amount = 10.0
    half_life_days: PositiveAmount = 365.0
    trees_share: Share = 0.0
    bins: Annotated[int, Field(strict=True, ge=2, le=4095)] = 63
    negatives_per_positive: PositiveAmount = 30.0


class CauseSettings(Section):
    """What is needed before a likely cause is named."""

    unknown: tuple[str, ...] = UNKNOWN_CAUSES
    min_failures: PositiveCount = 50
    min_of_a_cause: PositiveCount = 10
    min_probability: PositiveShare = 0.5


class BaselineSettings(Section):
    """The baselines that the model is compared with."""

    rule: tuple[Name, ...] = ()


class LimitSettings(Section):
    """How much of the fleet may be drained at once, whatever the model forecasts."""

    fleet_share: Share = 0.01
    fleet_count: Count = 10
    per_rack: Count = 1


class PolicySettings(Section):
    """What a failure, a drain and an idle node cost, in node-hours."""

    horizon: PositiveDuration = timedelta(days=7)
    failure_cost_node_hours: Amount = 60.0
    averted_share: Share = 0.8
    drain_cost_node_hours: Amount = 2.0
    idle_cost_node_hours: Amount = 8.0
    stale_after: PositiveDuration = timedelta(hours=36)
    limits: LimitSettings = LimitSettings()


class TrackingSettings(Section):
    """Where training runs and models are registered."""

    uri: str = ""
    experiment: Name = "nodeward"
    model_name: Name = "nodeward"


class ScheduleSettings(Section):
    """When a Prefect server runs each flow: cron in UTC, empty for never."""

    pool: Name = "nodeward"
    ingest: Cron = "0 * * * *"
    train: Cron = "30 3 * * 1"
    score: Cron = "10 * * * *"
    decide: Cron = "20 * * * *"
    report: Cron = "0 6 * * *"
    maintain: Cron = "40 2 * * *"


class RetentionSettings(Section):
    """How long records are kept; empty: forever."""

    telemetry: DurationOrEmpty = None
    buckets: DurationOrEmpty = None
    scores: DurationOrEmpty = None
    quarantine: DurationOrEmpty = None
    decisions: DurationOrEmpty = None


class ReportSettings(Section):
    """The period that the HTML report covers."""

    days: Annotated[int, Field(strict=True, ge=1, le=3650)] = 90


class Settings(Section):
    """All settings."""

    fleet: FleetSettings = FleetSettings()
    source: SourceSettings = SourceSettings()
    state: StateSettings = StateSettings()
    clock: ClockSettings = ClockSettings()
    buckets: BucketSettings = BucketSettings()
    identity: IdentitySettings = IdentitySettings()
    metrics: MetricSettings = MetricSettings()
    forecast: ForecastSettings = ForecastSettings()
    features: FeatureSettings = FeatureSettings()
    model: ModelSettings = ModelSettings()
    causes: CauseSettings = CauseSettings()
    baselines: BaselineSettings = BaselineSettings()
    policy: PolicySettings = PolicySettings()
    tracking: TrackingSettings = TrackingSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    retention: RetentionSettings = RetentionSettings()
    report: ReportSettings = ReportSettings()

    def __repr__(self) -> str:
        return f"<Settings of {self.fleet.name!r}: records in {self.source.path}, state in {self.state.path}>"
