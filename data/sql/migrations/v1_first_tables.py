"""Version 1: the tables of Nodeward 0.1. Frozen: later changes are other versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, Double, Integer, PrimaryKeyConstraint, Text

if TYPE_CHECKING:
    from alembic.operations import Operations


def upgrade(operations: Operations) -> None:
    """Create every missing table: an earlier attempt may have been killed between two of them."""
    for table, columns in (
        ("events", _events()),
        ("nodes", _nodes()),
        ("blind", _blind()),
        ("latest_scores", _latest_scores()),
        ("decisions", _decisions()),
        ("schema_version", [Column("version", Integer, primary_key=True, autoincrement=False)]),
    ):
        operations.create_table(table, *columns, if_not_exists=True)


def _key(name: str, kind: type[Any] = Text) -> Column[Any]:
    return Column(name, kind(), nullable=False)


def _events() -> list[Column[Any] | PrimaryKeyConstraint]:
    return [
        _key("node"),
        _key("start", BigInteger),
        Column("end", BigInteger),
        _key("kind"),
        _key("cause"),
        _key("source"),
        Column("recorded_at", BigInteger),
        Column("end_recorded_at", BigInteger),
        Column("labels", Text),
        PrimaryKeyConstraint("node", "start", "kind", "cause", "source"),
    ]


def _nodes() -> list[Column[Any] | PrimaryKeyConstraint]:
    texts = [Column(name, Text) for name in ("rack", "hardware", "partition", "labels")]
    times = [Column(name, BigInteger) for name in ("observed_from", "observed_until", "as_of")]
    return [_key("node"), *texts, *times, PrimaryKeyConstraint("node")]


def _blind() -> list[Column[Any] | PrimaryKeyConstraint]:
    keys = [_key(name, BigInteger) for name in ("start", "end")]
    return [*keys, Column("recorded_at", BigInteger), PrimaryKeyConstraint("start", "end")]


def _latest_scores() -> list[Column[Any] | PrimaryKeyConstraint]:
    return [
        _key("node"),
        Column("ts", BigInteger),
        _key("horizon_hours", Double),
        Column("probability", Double),
        Column("model_version", Text),
        Column("support", Text),
        Column("data_age_hours", Double),
        Column("reasons", Text),
        PrimaryKeyConstraint("node", "horizon_hours"),
    ]


def _decisions() -> list[Column[Any] | PrimaryKeyConstraint]:
    return [
        _key("node"),
        _key("ts", BigInteger),
        Column("action", Text),
        Column("reason", Text),
        Column("limit", Text),
        Column("probability", Double),
        Column("horizon_hours", Double),
        Column("model_version", Text),
        PrimaryKeyConstraint("node", "ts"),
    ]
