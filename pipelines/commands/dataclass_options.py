"""Lets a command take dataclasses: typer reads a function's parameters, and options that belong together are many."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def flattened(work: Callable[..., None]) -> Callable[..., None]:
    """Make options of the fields of each dataclass that a command takes; they come after its own."""
    hints = get_type_hints(work, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if is_dataclass(kind) and isinstance(kind, type)}

    @wraps(work)
    def run(**given: Any) -> None:  # noqa: ANN401  - whatever the command's options hold
        made = {name: kind(**{one.name: given.pop(one.name) for one in fields(kind)}) for name, kind in groups.items()}
        work(**made, **given)

    own = [
        one.replace(annotation=hints[name]) for name, one in signature(work).parameters.items() if name not in groups
    ]
    told = [*own, *(one for kind in groups.values() for one in _options(kind))]
    flat = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in told]
    vars(run)["__signature__"] = signature(work).replace(parameters=flat)
    run.__annotations__ = {one.name: one.annotation for one in flat}
    return run


def _options(kind: type) -> Iterator[Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    for one in fields(kind):
        default = Parameter.empty if one.default is MISSING else one.default
        yield Parameter(one.name, Parameter.KEYWORD_ONLY, default=default, annotation=hints[one.name])
