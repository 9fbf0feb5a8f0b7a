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
from pipelines.flows import scheduled
from pipelines.flows.server import QUIET
from pipelines.settings.environment import THREAD_DEFAULTS, override_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect import Flow
    from prefect.client.orchestration import SyncPrefectClient

    from pipelines.settings.schema import Settings

FLOWS: Final[tuple[Flow[..., Any], ...]] = (  # each has its cron in [schedule], under its own name
    scheduled.ingest,
    scheduled.train,
    scheduled.score,
    scheduled.decide,
    scheduled.report,
    scheduled.maintain,
)
ONE_AT_A_TIME: Final = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
_DURABLE_LEASES: Final = "prefect.server.concurrency.lease_storage.filesystem"
_FORBIDDEN: Final = re.compile(r"[/%&<>]")  # in Prefect's names


@dataclass(frozen=True, slots=True)
class Deployment:
    """A flow's deployment on the server: its name, its schedule, and whether a person paused it."""

    name: str
    cron: str
    is_paused: bool


@dataclass(frozen=True, slots=True)
class DeployReport:
    """What was registered, the work pool and the folder of its runs, and warnings."""

    pool: str
    folder: str
    config: str
    deployments: tuple[Deployment, ...]
    notices: tuple[str, ...] = ()


def deploy(settings: Settings, config: Path, overrides: Sequence[str]) -> DeployReport:
    """Register every flow with the server in use; a deployment of the same name is updated in place.

    Raises:
        SettingsError: if the fleet's name or the work pool can't be used.
    """
    _check_names(settings)
    with get_client(sync_client=True) as client:
        _ensure_pool(client, settings.schedule.pool)
        deployed = tuple(_register(client, flow, settings, config, overrides) for flow in FLOWS)
        notices = (*_ignored_overrides(), *_lease_warning(client))
    return DeployReport(settings.schedule.pool, str(Path.cwd()), str(config.absolute()), deployed, notices)


def remove(settings: Settings) -> tuple[str, ...]:
    """Remove the fleet's deployments and their scheduled runs; return the names of those that existed."""
    _check_names(settings)
    names = [_deployment_name(flow, settings) for flow in FLOWS]
    with get_client(sync_client=True) as client:
        return tuple(name for name in names if _removed(client, name))


def _deployment_name(flow: Flow[..., Any], settings: Settings) -> str:
    return f"{flow.name}/{settings.fleet.name}"


def _ignored_overrides() -> tuple[str, ...]:
    """Warn of variables that override the settings here, but are not set for a worker."""
    names = ", ".join(override_names())
    warning = f"{names} override the settings here; runs see only the variables of their worker: set them there"
    return (warning,) if names else ()


def _lease_warning(client: SyncPrefectClient) -> tuple[str, ...]:
    """Warn of a server that forgets, when it stops, which run is active: that run would then block all later ones."""
    try:
        storage: str = client.request("GET", "/admin/settings").json()["server"]["concurrency"]["lease_storage"]
    except (httpx.HTTPStatusError, KeyError):
        return ()  # Prefect Cloud, or a server of another version
    warning = (
        "the server keeps in memory which run is active; start it with "
        f"PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE={_DURABLE_LEASES}, or a restart can block runs permanently"
    )
    return (warning,) if storage.endswith(".memory") else ()


def _check_names(settings: Settings) -> None:
    for key, name in (("fleet.name", settings.fleet.name), ("schedule.pool", settings.schedule.pool)):
        if _FORBIDDEN.search(name):
            raise SettingsError(
                f'{key} = "{name}": a Prefect server accepts no name with / % & < or >', fix="rename it"
            )


def _ensure_pool(client: SyncPrefectClient, name: str) -> None:
    """Create the work pool if it does not exist."""
    try:
        pool = client.read_work_pool(name)
    except ObjectNotFound:
        template = ProcessWorker.get_default_base_job_template()
        client.create_work_pool(WorkPoolCreate(name=name, type=ProcessWorker.type, base_job_template=template))
        return
    if pool.type != ProcessWorker.type:
        raise SettingsError(
            f'schedule.pool = "{name}": is a work pool of type {pool.type!r}, expected {ProcessWorker.type!r}',
            fix="name another one; it is created if it does not exist",
        )


def _register(
    client: SyncPrefectClient, flow: Flow[..., Any], settings: Settings, config: Path, overrides: Sequence[str]
) -> Deployment:
    cron: str = getattr(settings.schedule, flow.name)
    is_paused = _is_paused(client, _deployment_name(flow, settings))
    deployment = RunnerDeployment.from_flow(
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
    deployment.apply()
    return Deployment(_deployment_name(flow, settings), cron, is_paused)


def _is_paused(client: SyncPrefectClient, name: str) -> bool:
    """Return whether a person paused a deployment or its schedule; registering it again keeps it paused."""
    try:
        deployment = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return False
    return deployment.paused or any(not schedule.active for schedule in deployment.schedules)


def _removed(client: SyncPrefectClient, name: str) -> bool:
    try:
        deployment = client.read_deployment_by_name(name)
    except ObjectNotFound:
        return False
    client.delete_deployment(deployment.id)
    return True
