"""What the documents say of the code is true: the paths, the names in them, and the layers."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
PATH: Final = re.compile(r"`((?:[\w.]+/)+[\w.]*|nodeward\.py)(?:: (\w+))?`")
QUESTIONS: Final = {
    *(f"add {what}" for what in ("a source of records", "a kind of metric", "a feature", "a baseline", "an actuator")),
    *(f"add {what}" for what in ("an endpoint", "a setting", "a command", "an audit check")),
    *(f"find {what}" for what in ("the calibration", "a reason's words", "the limits")),
}


def paths(text: str) -> list[tuple[str, str]]:
    return PATH.findall(text)


def names(file: Path) -> set[str]:
    """The names that a module defines, or a TOML file's sections."""
    defined: set[str] = set()
    for statement in ast.parse(file.read_text()).body:
        if isinstance(statement, ast.FunctionDef | ast.ClassDef):
            defined.add(statement.name)
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            defined.update(target.id for target in targets if isinstance(target, ast.Name))
    return defined


@pytest.mark.parametrize("document", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_paths_exist_and_hold_the_names_that_are_looked_for_there(document: str) -> None:
    found = paths((ROOT / document).read_text())
    assert len(found) > 5
    for path, name in found:
        assert (ROOT / path).exists(), path
        assert not name or name in names(ROOT / path), f"{path}: {name}"


def test_twelve_questions_are_answered_with_a_path_each() -> None:
    rows = re.findall(r"^\| ((?:add|find) .+?) \| (.+) \|$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE)
    assert {question for question, _ in rows} == QUESTIONS
    assert len(rows) == 12
    assert all(paths(answer) for _, answer in rows)


def test_contributing_lists_the_layers_that_are_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    text, listed = (ROOT / "CONTRIBUTING.md").read_text(), 0
    for contract in settings["tool"]["importlinter"]["contracts"]:
        if contract["type"] == "layers":
            package = f"`{contract['containers'][0]}/`" if "containers" in contract else "the five"
            layers = " > ".join(layer.replace(" | ", ", ") for layer in contract["layers"])
            assert f"| {package} | {layers} |" in text
            listed += 1
    assert listed == 6


def test_every_package_says_in_one_line_what_belongs_there() -> None:
    packages = [
        file
        for name in ("data", "features", "models", "serving", "pipelines")
        for file in (ROOT / name).rglob("__init__.py")
    ]
    assert len(packages) > 40
    for file in packages:
        docstring = ast.get_docstring(ast.parse(file.read_text()))
        assert docstring is not None, file
        assert len(docstring.splitlines()) == 1, file
