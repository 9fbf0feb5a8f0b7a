"""What each command does: reads its options, runs the flow or the report behind it, and shows the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.commands.audit import audit
from pipelines.commands.backtest import backtest
from pipelines.commands.convert import convert
from pipelines.commands.demo import demo
from pipelines.commands.deploy import deploy
from pipelines.commands.flows import decide, ingest, score, train
from pipelines.commands.promote import promote
from pipelines.commands.quarantine import quarantine
from pipelines.commands.report import report
from pipelines.commands.simulate import simulate
from pipelines.commands.site import check, init, status
from pipelines.commands.tune import tune
from pipelines.commands.upkeep import backup, maintain, restore

if TYPE_CHECKING:
    from collections.abc import Callable

ALL: Final[tuple[Callable[..., object], ...]] = (
    demo,
    init,
    check,
    ingest,
    quarantine,
    audit,
    train,
    promote,
    tune,
    backtest,
    score,
    decide,
    report,
    status,
    deploy,
    maintain,
    backup,
    restore,
    simulate,
    convert,
)
