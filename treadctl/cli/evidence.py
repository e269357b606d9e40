"""Which hardware-in-the-loop test shows which row of the interlock, read from the tests' own marks without running them.

A test says `@pytest.mark.interlock("pull_cord")`; the mark may also stand on a class, in `pytestmark`, or in a table of the module that the test is
parametrised with.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, order=True)
class Evidence:
    """One test: its file (as given) and its name, `Class::test` where it stands in a class."""

    path: Path
    test: str
    line: int


def evidence(folder: Path) -> dict[str, list[Evidence]]:
    """Row id -> the tests in `folder/test_*.py` marked with it, in order of file and line. Raises SyntaxError for a file that is no Python."""
    found: dict[str, list[Evidence]] = {}
    for path in sorted(folder.glob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for row, proof in _of_module(tree, path):
            proofs = found.setdefault(row, [])
            if proof not in proofs:
                proofs.append(proof)
    return found


def _of_module(tree: ast.Module, path: Path) -> Iterator[tuple[str, Evidence]]:
    tables = {name: node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and node.value for name in _targets(node)}
    everywhere = list(_marked(tables.get("pytestmark")))
    for function, where, outer in _tests(tree):
        decorators = [*function.decorator_list, *outer]
        rows = [row for decorator in decorators for row in _marked(decorator)]
        used = {node.id for decorator in decorators for node in ast.walk(decorator) if isinstance(node, ast.Name)}
        rows += [row for name in sorted(used & tables.keys()) for row in _marked(tables[name])]
        for row in (*everywhere, *rows):
            yield row, Evidence(path, where + function.name, function.lineno)


def _tests(tree: ast.Module) -> Iterator[tuple[_Function, str, list[ast.expr]]]:
    """Each test function, the name of its class, and the class's decorators."""
    for node in tree.body:
        if isinstance(node, _Function) and node.name.startswith("test_"):
            yield node, "", []
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            for inner in node.body:
                if isinstance(inner, _Function) and inner.name.startswith("test_"):
                    yield inner, f"{node.name}::", node.decorator_list


def _targets(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        if isinstance(target, ast.Name):
            yield target.id


def _marked(node: ast.AST | None) -> Iterator[str]:
    """The row ids of every `pytest.mark.interlock(...)` within a node."""
    for call in ast.walk(node) if node is not None else ():
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "interlock":
            yield from (arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str))
