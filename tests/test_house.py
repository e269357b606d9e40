"""The house holds: the core is pure and small, and nothing in the project names the place it was made."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = sorted((ROOT / "treadctl" / "core").glob("*.py"))
DETECTORS = sorted((ROOT / "treadctl" / "core" / "imbalance").glob("*.py"))
PURE = [*CORE, *DETECTORS]
ALLOWED_IMPORTS = {"__future__", "collections", "dataclasses", "enum", "functools", "math", "operator", "typing", "treadctl"}
CORE_LINES, DETECTOR_LINES, FILE_LINES = 1500, 800, 300


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)  # noqa: S607 - whichever git is here
    if listed.returncode == 0 and listed.stdout:
        return [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    return [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]


def lines_that_count(path: Path) -> int:
    return sum(bool(line.strip()) for line in path.read_text(encoding="utf-8").splitlines())


def test_the_core_is_small_enough_to_read_in_a_sitting() -> None:
    assert sum(map(lines_that_count, CORE)) <= CORE_LINES
    assert sum(map(lines_that_count, DETECTORS)) <= DETECTOR_LINES


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.name)
def test_no_file_of_the_core_is_long(path: Path) -> None:
    assert lines_that_count(path) <= FILE_LINES


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.name)
def test_the_core_imports_nothing_impure(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            assert node.level == 0
        for name in names:
            assert name.split(".")[0] in ALLOWED_IMPORTS, f"{path.name} imports {name}"
            assert not name.startswith("treadctl") or name.startswith("treadctl.core"), f"{path.name} imports {name}"


@pytest.mark.parametrize("path", PURE, ids=lambda path: path.name)
def test_the_core_knows_no_global_state_and_no_escape_hatch(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not any(isinstance(node, ast.Global | ast.Nonlocal) for node in ast.walk(ast.parse(text)))
    assert "type: ignore" not in text


def test_requirements_hold_hashes_and_no_addresses() -> None:
    for name in ("run.txt", "dev.txt"):
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert "://" not in text
        assert "--index-url" not in text
        assert "--find-links" not in text


def test_no_safety_code_silences_its_types() -> None:
    guarded = {("treadctl", "daemon"), ("drivers", "treadctl_drivers")}
    places = [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[:2] in guarded]
    assert places
    assert [path for path in places if "type: ignore" in path.read_text(encoding="utf-8")] == []
