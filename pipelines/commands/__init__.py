"""One function per command: it reads the options, calls the operation, and shows the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipelines.commands.acting.decide import decide
from pipelines.commands.forecast.backtest import backtest
from pipelines.commands.forecast.report import report
from pipelines.commands.forecast.score import score
from pipelines.commands.forecast.train import promote, train
from pipelines.commands.forecast.tune import tune
from pipelines.commands.records.audit import audit
from pipelines.commands.records.convert import convert
from pipelines.commands.records.demo import demo
from pipelines.commands.records.ingest import ingest
from pipelines.commands.records.maintenance import backup, maintain, restore
from pipelines.commands.records.quarantine import quarantine
from pipelines.commands.records.simulate import simulate
from pipelines.commands.services.deploy import deploy
from pipelines.commands.services.installation import check, init, status

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
