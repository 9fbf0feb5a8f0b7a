"""Registers the flows with a Prefect server: each on its schedule, run by the workers of a process work pool."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType
from prefect.workers.process import ProcessWorker

from data.errors import SettingsError
from pipelines.flows.decide import decide_drains
from pipelines.flows.ingest import ingest
from pipelines.flows.local_server import QUIET
from pipelines.flows.maintain import maintain
from pipelines.flows.report import report_fleet
from pipelines.flows.score import score_fleet
from pipelines.flows.train import train_model
from pipelines.settings.environment import THREAD_DEFAULTS, override_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect import Flow
    from prefect.client.orchestration import SyncPrefectClient

    from pipelines.settings.schema import Settings

FLOWS: Final[tuple[Flow[..., Any], ...]] = (  # each has its cron in [schedule], under its own name
    ingest,
    train_model,
    score_fleet,
    decide_drains,
    report_fleet,
    maintain,
)
ONE_AT_A_TIME: Final = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
_LASTING: Final = "prefect.server.concurrency.lease_storage.filesystem"
_UNFIT: Final = re.compile(r"[/%&<>]")  # Prefect's names hold none of these


@dataclass(frozen=True, slots=True)
class Deployed:
    """A flow that the server knows: its deployment's name, its schedule, and whether someone paused it."""

    name: str
    cron: str
    is_paused: bool


@dataclass(frozen=True, slots=True)
class DeployReport:
    """What was registered, where its runs wait for a worker, and in which folder they work."""

    pool: str
    folder: str
    config: str
    deployments: tuple[Deployed, ...]
    notices: tuple[str, ...] = ()


def deploy(settings: Settings, config: Path, overrides: Sequence[str]) -> DeployReport:
    """Register every flow with the server in use; what is there by the same name is updated in place.

    Raises:
        SettingsError: if the fleet's name or the work pool does not do.
    """
    _check(settings)
    with get_client(sync_client=True) as client:
        _provide_pool(client, settings.schedule.pool)
        done = tuple(_register(client, flow, settings, config, overrides) for flow in FLOWS)
        notices = (*_left_behind(), *_forgetful(client))
    return DeployReport(settings.schedule.pool, str(Path.cwd()), str(config.absolute()), done, notices)


def remove(settings: Settings) -> tuple[str, ...]:
    """Take the fleet's deployments away, with the runs that they had scheduled; give the names of those there were."""
    _check(settings)
    with get_client(sync_client=True) as client:
        return tuple(
            name for name in (f"{flow.name}/{settings.fleet.name}" for flow in FLOWS) if _removed(client, name)
        )


def _left_behind() -> tuple[str, ...]:
    """Tell of variables that rule the settings here, but are not those of a worker."""
    names = ", ".join(override_names())
    told = f"{names} override the settings here; runs see only the variables of their worker: set them there"
    return (told,) if names else ()


def _forgetful(client: SyncPrefectClient) -> tuple[str, ...]:
    """Tell of a server that forgets, as it ends, which run is on: one that died with it would stop all later ones."""
    try:
        storage: str = client.request("GET", "/admin/settings").json()["server"]["concurrency"]["lease_storage"]
    except (httpx.HTTPStatusError, KeyError):
        return ()  # Prefect Cloud, or a server of another version
    told = (
        "the server keeps in memory which run is on; start it with "
        f"PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE={_LASTING}, or a restart of it can hold runs up for good"
    )
    return (told,) if storage.endswith(".memory") else ()


def _check(settings: Settings) -> None:
    for key, name in (("fleet.name", settings.fleet.name), ("schedule.pool", settings.schedule.pool)):
        if _UNFIT.search(name):
            raise SettingsError(f'{key} = "{name}": a Prefect server takes no name with / % & < or >', fix="rename it")


def _provide_pool(client: SyncPrefectClient, name: str) -> None:
    """Make the work pool if it is not there."""
    try:
        found = client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=name, type=ProcessWorker.type, base_job_template=template))
        return
    if found.type != ProcessWorker.type:
        raise SettingsError(
            f'schedule.pool = "{name}": is a work pool of type {found.type!r}, expected {ProcessWorker.type!r}',
            fix="name another one; it is made if it is not there",
        )


def _register(
    client: SyncPrefectClient, flow: Flow[..., Any], settings: Settings, config: Path, overrides: Sequence[str]
) -> Deployed:
    cron: str = getattr(settings.schedule, flow.name)
    is_paused = _is_paused(client, f"{flow.name}/{settings.fleet.name}")
    wanted = RunnerDeployment.from_flow(
        flow,
        name=settings.fleet.name,
        schedules=[Cron(cron, timezone="UTC")] if cron else [],
        paused=is_paused,
        concurrency_limit=ONE_AT_A_TIME,
        parameters={"config": str(config.absolute()), "overrides": list(overrides)},
        description=flow.description,
        tags=["nodeward"],
        work_pool_name=settings.schedule.pool,
        job_variables={"working_dir": str(Path.cwd()), "env": {**QUIET, **THREAD_DEFAULTS}},
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    wanted.apply()
    return Deployed(f"{flow.name}/{settings.fleet.name}", cron, is_paused)


def _is_paused(client: SyncPrefectClient, name: str) -> bool:
    """Say whether someone paused a deployment, or its schedule: registering it again leaves it so."""
    try:
        found = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return False
    return found.paused or any(not schedule.active for schedule in found.schedules)


def _removed(client: SyncPrefectClient, name: str) -> bool:
    try:
        found = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return False
    client.delete_deployment(found.id)
    return True
