"""Every statement of the two source articles has an answer, and every test, file, rule and cause an answer names exists."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from treadctl.core.interlock import INDEX
from treadctl.prescription.claims import CLAIMS
from treadctl.prescription.rules import ROWS
from treadctl.prescription.sources import STATEMENTS, Statement

ROOT = Path(__file__).resolve().parents[2]
IDS = [f"A{n}" for n in range(1, 8)] + [f"B{n}" for n in range(1, 14)]


def lacking(statement: Statement, claims: frozenset[str] = frozenset(entry.id for entry in CLAIMS)) -> list[str]:
    """What this statement's answer lacks, or names although it is not there."""
    found = [f"no test {test}" for test in statement.tests if not exists(test)]
    found += [f"no file {path}" for path in statement.files if not (ROOT / path).is_file()]
    found += [f"no page {page}" for page in statement.pages if not (ROOT / "docs" / "images" / "console" / f"{page}.png").is_file()]
    found += [f"no cause {cause}" for cause in statement.causes if cause not in INDEX]
    if not statement.tests:
        found.append("no test at all")
    if statement.id not in claims:
        found.append("no claim")
    if "rule" in statement.kind and not statement.rules():
        found.append("no rule")
    if "use" in statement.kind and not statement.files:
        found.append("nothing shipped")
    return found


def exists(test: str) -> bool:
    path, _, name = test.partition("::")
    file = ROOT / path
    if not file.is_file():
        return False
    functions = (node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return name.startswith("test_") and any(function.name == name for function in functions)


def test_every_statement_is_in_the_table_once() -> None:
    assert [statement.id for statement in STATEMENTS] == IDS


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda statement: statement.id)
def test_every_statement_has_an_answer_that_exists(statement: Statement) -> None:
    assert lacking(statement) == []


def test_every_rule_answers_a_statement_that_exists() -> None:
    assert {row.id: row.articles for row in ROWS if not row.articles or not set(row.articles) <= set(IDS)} == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tests": ()}, "no test at all"),
        ({"tests": ("tests/prescription/test_rules.py::test_that_is_not_there",)}, "no test tests"),
        ({"tests": ("tests/prescription/test_nothing.py::test_x",)}, "no test tests"),
        ({"tests": ("tests/prescription/test_rules.py::refused",)}, "no test tests"),
        ({"files": ("treadctl/nothing.py",)}, "no file"),
        ({"causes": ("cold_feet",)}, "no cause"),
        ({"pages": ("kiosk-nowhere",)}, "no page"),
        ({"id": "B14"}, "no claim"),
        ({"id": "A1"}, "no rule"),
        ({"kind": "use", "files": ()}, "nothing shipped"),
    ],
)
def test_an_answer_that_is_missing_is_noticed(change: dict[str, object], words: str) -> None:
    whole = next(statement for statement in STATEMENTS if statement.id == "B12")
    assert lacking(whole) == []
    assert any(words in what for what in lacking(replace(whole, **change)))
