"""Lets a command take dataclasses of options that belong together; typer itself reads only plain parameters."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def flattened(command: Callable[..., None]) -> Callable[..., None]:
    """Turn the fields of each dataclass that a command takes into options, after its other options."""
    hints = get_type_hints(command, include_extras=True)
    groups = {name: group for name, group in hints.items() if is_dataclass(group) and isinstance(group, type)}

    @wraps(command)
    def run(**values: Any) -> None:  # noqa: ANN401  - whatever the command's options hold
        grouped = {
            name: group(**{field.name: values.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**grouped, **values)

    plain = [
        parameter.replace(annotation=hints[name], kind=Parameter.KEYWORD_ONLY)
        for name, parameter in signature(command).parameters.items()
        if name not in groups
    ]
    parameters = [*plain, *(parameter for group in groups.values() for parameter in _parameters(group))]
    vars(run)["__signature__"] = signature(command).replace(parameters=parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _parameters(group: type) -> Iterator[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for field in fields(group):
        default = Parameter.empty if field.default is MISSING else field.default
        yield Parameter(field.name, Parameter.KEYWORD_ONLY, default=default, annotation=hints[field.name])
