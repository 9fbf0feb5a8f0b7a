"""Builds the dataclasses of other packages from sections of the settings, so that no field is copied by hand."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import BaseModel

    Target = TypeVar("Target", bound=DataclassInstance)


def into(target: type[Target], *sections: BaseModel, **values: object) -> Target:
    """Return a dataclass with each field taken from `values`, or else from the section that has a key of its name.

    Raises:
        TypeError: if a field, even one with a default, is in neither, or two sections have a key of its name.
    """
    for name in (field.name for field in fields(target) if field.name not in values):
        holders = [section for section in sections if name in type(section).model_fields]
        if len(holders) != 1:
            classes = ", ".join(type(section).__name__ for section in sections)
            msg = f"{target.__name__}.{name}: {len(holders)} keys of this name in {classes}, 1 is needed"
            raise TypeError(msg)
        values[name] = getattr(holders[0], name)
    return target(**values)
