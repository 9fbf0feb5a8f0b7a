from __future__ import annotations

from dataclasses import dataclass
from inspect import signature
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from pipelines.commands.dataclass_options import flattened

File = Annotated[str, typer.Argument()]
Size = Annotated[int, typer.Option("--size", "-s")]
Loud = Annotated[bool, typer.Option("--loud")]


@dataclass(frozen=True)
class Shape:
    width: Annotated[int, typer.Option("--width")]
    height: Annotated[int, typer.Option("--height")] = 2


@flattened
def draw(shape: Shape, file: File, size: Size = 1, *, loud: Loud = False) -> None:
    """Draw."""
    typer.echo(f"{file} {shape.width}x{shape.height} {size} {loud}")


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(draw)
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output.strip()


def test_the_fields_of_a_dataclass_are_options_with_their_defaults() -> None:
    assert run("a.svg", "--width", "3") == (0, "a.svg 3x2 1 False")
    assert run("--loud", "--height", "5", "-s", "7", "a.svg", "--width", "3") == (0, "a.svg 3x5 7 True")


def test_a_field_without_a_default_is_required() -> None:
    code, output = run("a.svg")
    assert code == 2
    assert "--width" in output


def test_a_commands_own_options_come_first_and_its_docstring_stays() -> None:
    assert list(signature(draw).parameters) == ["file", "size", "loud", "width", "height"]
    assert draw.__doc__ == "Draw."


def test_a_command_without_dataclasses_keeps_its_options() -> None:
    @flattened
    def plain(size: Size = 1) -> None:
        raise ValueError(size)

    assert list(signature(plain).parameters) == ["size"]
    with pytest.raises(ValueError, match="4"):
        plain(size=4)
