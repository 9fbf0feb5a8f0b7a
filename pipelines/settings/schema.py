"""The shape of the settings: every key, its type, its default and its bounds, written down once."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from data.schema import Metric, MetricKind
from data.validation.node_names import BOARD_PATTERNS
from models.setup import NOBODY_KNOWS
from pipelines.settings.field_types import (
    Amount,
    AtLeastOne,
    Count,
    Cron,
    Days,
    Duration,
    Folder,
    ForEverOr,
    LongerThanZero,
    Name,
    Positive,
    PositiveShare,
    Sampling,
    Share,
    SmartNumber,
    TimeFormat,
    Zone,
    _ascending,
    _on_days,
    _pattern,
)


class Section(BaseModel):
    """A table of the settings: unknown keys are errors, values stay as they were read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FleetSettings(Section):
    """Whom this installation watches."""

    name: Name = "fleet"


class EventColumns(Section):
    """A source's own names for the columns of events, where they differ."""

    node: Name | None = None
    start: Name | None = None
    end: Name | None = None
    kind: Name | None = None
    cause: Name | None = None
    source: Name | None = None
    recorded_at: Name | None = None
    end_recorded_at: Name | None = None


class NodeColumns(Section):
    """A source's own names for the columns of the inventory, where they differ."""

    node: Name | None = None
    rack: Name | None = None
    hardware: Name | None = None
    partition: Name | None = None
    observed_from: Name | None = None
    observed_until: Name | None = None
    as_of: Name | None = None
    revised_at: Name | None = None


class BlindColumns(Section):
    """A source's own names for the columns of blind periods, where they differ."""

    start: Name | None = None
    end: Name | None = None
    recorded_at: Name | None = None


class SourceColumns(Section):
    """Canonical names on the left, the source's own on the right; telemetry's metrics may be renamed too."""

    telemetry: dict[Name, Name] = {}
    events: EventColumns = EventColumns()
    nodes: NodeColumns = NodeColumns()
    blind: BlindColumns = BlindColumns()

    def mapping(self) -> dict[str, dict[str, str]]:
        """Give, for each table, the names that differ."""
        return self.model_dump(exclude_none=True)


class CsvSettings(Section):
    """How the cells of CSV files are written."""

    time: TimeFormat = "iso"
    zone: Zone = ""
    missing: tuple[str, ...] = ("", "-", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None")
    decimal: Literal[".", ","] = "."
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","


class BackblazeSettings(Section):
    """What of Backblaze's drive statistics is read."""

    smart: Annotated[tuple[SmartNumber, ...], Field(min_length=1), AfterValidator(_ascending)] = (
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
    """Where everything that Nodeward writes lives."""

    path: Folder = Path("var")
    url: str = ""


class ClockSettings(Section):
    """What now is: the wall clock, or for historical records the newest time that they hold."""

    now: Literal["wall", "data"] = "wall"


class BucketSettings(Section):
    """How telemetry is cut into buckets."""

    width: Annotated[LongerThanZero, AfterValidator(_on_days)] = timedelta(days=1)


class IdentitySettings(Section):
    """Which spellings of a node's name mean the same node."""

    ports: Annotated[bool, Field(strict=True)] = True
    domains: tuple[Name, ...] = ()
    patterns: tuple[Annotated[str, AfterValidator(_pattern)], ...] = BOARD_PATTERNS
    max_unknown_share: Share = 0.01
    aliases: dict[Name, Name] = {}


class MetricColumn(Section):
    """How one metric is to be read, where it differs from the defaults."""

    kind: MetricKind | None = None
    sampling: Sampling | None = None
    unit: str = ""
    label: str = ""
    min: Annotated[float, Field(strict=True)] | None = None
    max: Annotated[float, Field(strict=True)] | None = None
    idle_below: Annotated[float, Field(strict=True, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            msg = f"min = {self.min:g} is above max = {self.max:g}"
            raise ValueError(msg)
        return self


class MetricSettings(Section):
    """How the columns of telemetry are to be read."""

    default_kind: MetricKind = MetricKind.GAUGE
    default_sampling: Sampling = "sampled"
    ignore: tuple[Name, ...] = ()
    columns: dict[Name, MetricColumn] = {}

    def metric(self, name: str) -> Metric:
        """Describe one column of telemetry."""
        own = self.columns.get(name, MetricColumn())
        kind, sampling = own.kind or self.default_kind, own.sampling or self.default_sampling
        return Metric(name, kind, sampling, own.unit, own.min, own.max, own.label, own.idle_below)

    @model_validator(mode="after")
    def _idle_gauges(self) -> Self:
        for metric in map(self.metric, self.columns):
            if metric.idle_below is not None and (metric.kind, metric.sampling) != (MetricKind.GAUGE, "sampled"):
                msg = (
                    f"columns.{metric.name}.idle_below = {metric.idle_below:g} is of no use: only a gauge that is "
                    f"sampled tells when a node is idle, and {metric.name} is a {metric.kind}, {metric.sampling}"
                )
                raise ValueError(msg)
        return self


class ForecastSettings(Section):
    """What is predicted, how often, and for which nodes."""

    horizons_days: Annotated[tuple[Days, ...], Field(min_length=1), AfterValidator(_ascending)] = (1, 3, 7, 14)
    every_days: Annotated[int, Field(strict=True, ge=1, le=3650)] = 1
    coverage_metric: str = ""
    coverage_share: PositiveShare = 0.9
    alarm_shares: Annotated[tuple[PositiveShare, ...], Field(min_length=1), AfterValidator(_ascending)] = (
        0.005,
        0.01,
        0.02,
    )
    lead_hours: Annotated[tuple[AtLeastOne, ...], AfterValidator(_ascending)] = (24,)
    history_start: date | None = None

    @property
    def history_start_time(self) -> datetime | None:
        """Midnight UTC of `history_start`."""
        start = self.history_start
        return None if start is None else datetime(start.year, start.month, start.day, tzinfo=UTC)


class FeatureSettings(Section):
    """Over which windows features look back."""

    windows: Annotated[tuple[LongerThanZero, ...], Field(min_length=2), AfterValidator(_ascending)] = (
        timedelta(days=1),
        timedelta(days=7),
        timedelta(days=30),
    )


class ModelSettings(Section):
    """How the hazard model is trained."""

    min_failures: AtLeastOne = 50
    folds: Annotated[int, Field(strict=True, ge=1, le=20)] = 3
    seeds: Annotated[int, Field(strict=True, ge=1, le=50)] = 3
    random_seed: Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)] = 1
    trees: Annotated[int, Field(strict=True, ge=1, le=20_000)] = 150
    leaves: Annotated[int, Field(strict=True, ge=2, le=4096)] = 8
    learning_rate: Annotated[float, Field(strict=True, gt=0, le=1)] = 0.05
    min_child: AtLeastOne = 50
    feature_share: PositiveShare = 0.2
    row_share: PositiveShare = 0.7
    l2: Amount = 10.0
    half_life_days: Positive = 365.0
    trees_share: PositiveShare = 0.65
    bins: Annotated[int, Field(strict=True, ge=2, le=4095)] = 63
    negatives_per_positive: Positive = 30.0


class CauseSettings(Section):
    """On what terms a likely cause is told."""

    unknown: tuple[str, ...] = NOBODY_KNOWS
    min_failures: AtLeastOne = 50
    min_of_a_cause: AtLeastOne = 10
    min_probability: PositiveShare = 0.5


class BaselineSettings(Section):
    """What the model is compared with."""

    rule: tuple[Name, ...] = ()


class LimitSettings(Section):
    """How much of the fleet may be drained at once, whatever the model says."""

    fleet_share: Share = 0.01
    fleet_count: Count = 10
    per_rack: Count = 1


class PolicySettings(Section):
    """What a failure, a drain and an idle node cost, in node-hours."""

    horizon_days: Positive = 7
    failure_cost_node_hours: Amount = 60.0
    averted_share: Share = 0.8
    drain_cost_node_hours: Amount = 2.0
    idle_cost_node_hours: Amount = 8.0
    stale_after: LongerThanZero = timedelta(hours=36)
    limits: LimitSettings = LimitSettings()


class TrackingSettings(Section):
    """Where training runs and models are registered."""

    uri: str = ""
    experiment: Name = "nodeward"
    model_name: Name = "nodeward"


class ScheduleSettings(Section):
    """When a Prefect server runs each flow: cron in UTC, empty for not at all."""

    pool: Name = "nodeward"
    ingest: Cron = "0 * * * *"
    train: Cron = "30 3 * * 1"
    score: Cron = "10 * * * *"
    decide: Cron = "20 * * * *"
    report: Cron = "0 6 * * *"
    maintain: Cron = "40 2 * * *"


class RetentionSettings(Section):
    """How long records are kept; empty: for ever."""

    telemetry: ForEverOr = None
    buckets: ForEverOr = None
    scores: ForEverOr = None
    quarantine: ForEverOr = None
    decisions: ForEverOr = None


class ReportSettings(Section):
    """What the HTML report looks back on."""

    days: Annotated[int, Field(strict=True, ge=1, le=3650)] = 90


class Settings(Section):
    """All of the settings."""

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
