"""No test passes only because a loop did not run: each asserts something outside of loops over what may be empty."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[1]
Loop = ast.For | ast.AsyncFor | ast.While
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp
NESTED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda

PLANTED = {
    "a loop": "for row in rows:\n    assert row",
    "a loop in a loop over literals": "for size in (1, 2):\n    for row in rows(size):\n        assert row",
    "a loop with an assert function": "for row in rows:\n    assert_equal(row, 1)",
    "a loop with pytest.raises": "for row in rows:\n    with pytest.raises(ValueError):\n        use(row)",
    "a while loop": "while rows:\n    assert rows.pop()",
    "all": "assert all(row > 0 for row in rows)",
    "not any": "assert not any(row < 0 for row in rows)",
    "no bad row": "assert [row for row in rows if row < 0] == []",
    "no bad row, the other way round": "assert set() == {row for row in rows if row < 0}",
    "no bad row by its truth": "assert not [row for row in rows if row < 0]",
    "no bad row by key": "assert {key: row for key, row in rows.items() if row < 0} == {}",
}
ALLOWED = {
    "an assertion next to the loop": "assert rows\nfor row in rows:\n    assert row",
    "a loop over literals": "for row in (1, 2):\n    assert row",
    "an assert function": "np.testing.assert_allclose(rows, 1)",
    "pytest.raises": "with pytest.raises(ValueError):\n    use(rows)",
    "no assertion": "use(rows)",
    "no bad row of some": "assert rows\nassert [row for row in rows if row < 0] == []",
    "no bad row of a literal": "assert [row for row in (1, 2) if use(row)] == []",
    "the rows": "assert [row for row in rows if row > 0] == [1, 2]",
    "an empty result": "assert rows == []",
}


def functions_of_tests(source: str) -> Iterator[ast.FunctionDef]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node


def asserts_only_in_loops(test: ast.FunctionDef) -> bool:
    may_be_skipped = list(_assertions(test, in_loop=False))
    return bool(may_be_skipped) and all(may_be_skipped)


def _assertions(node: ast.AST, *, in_loop: bool) -> Iterator[bool]:
    """Yield, for each assertion, whether a loop around it may not run."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, NESTED):
            continue
        if _is_assertion(child):
            yield in_loop or _is_loop_expression(child)
        yield from _assertions(child, in_loop=in_loop or (isinstance(child, Loop) and not _is_over_literals(child)))


def _is_assertion(node: ast.AST) -> bool:
    match node:
        case ast.Assert():
            return True
        case ast.With(items=items):
            return any(_called(item.context_expr) == "raises" for item in items)
        case ast.Expr(value=value):
            return "assert" in _called(value)
        case _:
            return False


def _is_loop_expression(node: ast.AST) -> bool:
    """Return whether an assertion holds for nothing: `all(...)`, `not any(...)`, `[...] == []`, `not [...]`."""
    match node:
        case ast.Assert(test=ast.Call(func=ast.Name(id="all"))):
            return True
        case ast.Assert(test=ast.UnaryOp(op=ast.Not(), operand=ast.Call(func=ast.Name(id="any")))):
            return True
        case ast.Assert(test=ast.UnaryOp(op=ast.Not(), operand=operand)):
            return _may_be_empty(operand)
        case ast.Assert(test=ast.Compare(left=left, ops=[ast.Eq()], comparators=[right])):
            sides = (left, right), (right, left)
            return any(_may_be_empty(side) and _is_empty(other) for side, other in sides)
        case _:
            return False


def _may_be_empty(node: ast.AST) -> bool:
    """Return whether an expression is a comprehension over what may be empty."""
    return isinstance(node, Comprehension) and not any(_is_over_literals(loop) for loop in node.generators)


def _is_empty(node: ast.AST) -> bool:
    """Return whether an expression is an empty collection: `[]`, `()`, `{}`, `set()`."""
    match node:
        case ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[]):
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset" | "list" | "tuple" | "dict"), args=[], keywords=[]):
            return True
        case _:
            return False


def _is_over_literals(loop: Loop | ast.comprehension) -> bool:
    iterable = getattr(loop, "iter", None)
    return isinstance(iterable, ast.Tuple | ast.List) and len(iterable.elts) > 0


def _called(node: ast.AST) -> str:
    """Return the name of the function that an expression calls; empty if it calls none."""
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name
        case _:
            return ""


def test_every_test_asserts_outside_of_loops_that_may_not_run() -> None:
    tests = [
        (path, test) for path in sorted(TESTS.rglob("*.py")) for test in functions_of_tests(path.read_text("utf-8"))
    ]
    assert len(tests) > 1_000
    places = [
        f"{path.relative_to(TESTS)}:{test.lineno} {test.name}" for path, test in tests if asserts_only_in_loops(test)
    ]
    assert places == [], "also assert that what the loop runs over is not empty"


@pytest.mark.parametrize("body", PLANTED.values(), ids=PLANTED)
def test_a_planted_test_that_asserts_only_in_loops_is_detected(body: str) -> None:
    (test,) = functions_of_tests(planted(body))
    assert asserts_only_in_loops(test)


@pytest.mark.parametrize("body", ALLOWED.values(), ids=ALLOWED)
def test_other_tests_are_allowed(body: str) -> None:
    (test,) = functions_of_tests(planted(body))
    assert not asserts_only_in_loops(test)


def planted(body: str) -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return f"def test_planted() -> None:\n{lines}\n"
