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
LINK: Final = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
DOCUMENTS: Final = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
)
FOLDERS: Final = "data|docs|examples|features|models|pipelines|serving|tests"
MENTION: Final = re.compile(rf"(?<![\w/.{{}}-])(?:(?:{FOLDERS})/[\w./-]*[\w/]|\.ci/run|nodeward\.py)")
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


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to a document's headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def is_broken(link: str, document: Path) -> bool:
    """Whether a link to a file, or to a heading of a document, leads nowhere; links to other sites are not followed."""
    if link.startswith(("http:", "https:", "mailto:")):
        return False
    path, _, anchor = link.partition("#")
    target = document.parent / path if path else document
    return not target.exists() or bool(anchor and anchor not in anchors(target.read_text()))


def test_every_document_is_checked() -> None:
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/audit.md"} <= set(DOCUMENTS)
    assert sum(document.startswith("docs/adr/") for document in DOCUMENTS) > 9


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_paths_of_a_document_lead_somewhere(document: str) -> None:
    file = ROOT / document
    text = file.read_text()
    assert text
    assert [link for link in LINK.findall(text) if is_broken(link, file)] == []
    assert [path for path in MENTION.findall(text) if not (ROOT / path).exists()] == []


def test_a_broken_link_and_a_missing_path_are_recognised() -> None:
    document = ROOT / "docs/audit.md"
    broken = ["gone.md", "../README.md#no-such-heading", "#gone", "adr/gone.md"]
    assert [link for link in broken if not is_broken(link, document)] == []
    whole = ["../README.md", "#verdicts", "../README.md#two-commands", "adr/", "https://example.org/gone"]
    assert [link for link in whole if is_broken(link, document)] == []
    mentions = "`data/gone.py` in ../shared/data/x, tests/checks/, var/data/x, docs/audit.md."
    assert MENTION.findall(mentions) == ["data/gone.py", "tests/checks/", "docs/audit.md"]


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
