from __future__ import annotations

from pathlib import Path

import pytest

from treadctl.cli.evidence import evidence
from treadctl.core.interlock import ROWS

ROOT = Path(__file__).resolve().parents[2]

PROVED = evidence(ROOT / "hil")

MARKED = '''
import pytest

CASES = [pytest.param(1, marks=pytest.mark.interlock("from_table"))]

@pytest.mark.interlock("plain", "second")
def test_plain(): ...

@pytest.mark.parametrize("case", CASES)
def test_table(case): ...

@pytest.mark.interlock("of_class")
class TestGroup:
    async def test_inside(self): ...

@pytest.mark.interlock("helper")
def not_a_test(): ...
'''


@pytest.mark.parametrize("row", [row.id for row in ROWS])
def test_every_cause_is_shown_on_the_simulated_treadmill(row: str) -> None:
    assert PROVED.get(row), f'no test in hil/ is marked @pytest.mark.interlock("{row}")'


def test_no_test_claims_to_show_a_cause_that_does_not_exist() -> None:
    assert PROVED.keys() <= {row.id for row in ROWS}


def test_marks_are_found_on_tests_classes_and_tables(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(MARKED, encoding="utf-8")
    found = {row: [proof.test for proof in proofs] for row, proofs in evidence(tmp_path).items()}
    assert found == {"plain": ["test_plain"], "second": ["test_plain"], "from_table": ["test_table"], "of_class": ["TestGroup::test_inside"]}


def test_a_mark_of_the_whole_module_holds_for_each_of_its_tests(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text('pytestmark = [pytest.mark.interlock("all")]\ndef test_a(): ...\ndef test_b(): ...\n', encoding="utf-8")
    assert [proof.test for proof in evidence(tmp_path)["all"]] == ["test_a", "test_b"]
