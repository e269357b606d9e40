from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from treadctl.cli.app import build
from treadctl.cli.reference import CHANNELS, main, pages
from treadctl.core.interlock import ROWS
from treadctl.core.sample import ChannelId

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path for path in ROOT.rglob("*.md") if not any(part.startswith(".") or part in {"build", "dist", "node_modules"} for part in path.relative_to(ROOT).parts)
)
FENCE = re.compile(r"^ *```(?:\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
TARGET = re.compile(r"^([a-z][\w.-]*):", re.MULTILINE)


def commands_of(page: Path) -> list[list[str]]:
    """What a reader would type: the lines of code blocks that begin with a prompt or a program of ours, and their continuations."""
    lines = [line.strip() for block in FENCE.findall(page.read_text(encoding="utf-8")) for line in block.replace("\\\n", " ").splitlines()]
    lines = [line.removeprefix("$ ").split(" #")[0] for line in lines if line.startswith(("$ ", "treadctl ", "treadctl-hil ", "make "))]
    return [words for words in (shlex.split(line) for line in lines) if words]


README_COMMANDS = commands_of(ROOT / "README.md")
TYPED = sorted({" ".join(words) for page in PAGES for words in commands_of(page) if words[0] == "treadctl"})


@pytest.mark.parametrize("name", sorted(path.name for path in pages(ROOT / "docs" / "reference")))
def test_each_generated_page_says_what_the_code_says(name: str) -> None:
    page = ROOT / "docs" / "reference" / name
    assert page.read_text(encoding="utf-8") == pages(page.parent)[page], "stale: run `make docs`"


def test_the_page_of_faults_says_what_the_simulated_treadmill_says() -> None:
    page = ROOT / "docs" / "reference" / "faults.md"
    command = [sys.executable, "-m", "treadctl_hil.faults_reference", str(page), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter and module
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_stale_page_is_noticed_and_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "docs" / "reference"
    folder.mkdir(parents=True)
    assert main([str(folder)]) == 0
    assert main([str(folder), "--check"]) == 0
    stale = folder / "errors.md"
    stale.write_text("something else", encoding="utf-8")
    assert main([str(folder), "--check"]) == 1
    assert stale.read_text(encoding="utf-8") == "something else"


def test_the_page_shows_every_row_with_the_sentence_staff_read() -> None:
    text = pages(ROOT / "docs" / "reference")[ROOT / "docs" / "reference" / "interlock.md"]
    assert [row.id for row in ROWS if f"`{row.id}` | {row.sentence} |" not in text] == []


def test_every_channel_is_described() -> None:
    assert set(CHANNELS) == set(ChannelId)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_readme_shows_commands() -> None:
    assert ["make", "demo"] in README_COMMANDS
    assert ["make", "test"] in README_COMMANDS
    assert len([words for words in README_COMMANDS if words[0] == "treadctl"]) >= 3


def test_every_make_target_a_page_names_exists() -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    named = {words[1] for page in PAGES for words in commands_of(page) if words[0] == "make" and len(words) > 1}
    assert named <= targets


@pytest.mark.parametrize("typed", TYPED)
def test_every_command_a_page_shows_exists_with_its_options(typed: str) -> None:
    words = shlex.split(typed)[1:]
    names = [words[0]]
    help_text = CliRunner().invoke(build(words[0]), [*names, "--help"], env={"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"})
    assert help_text.exit_code == 0, f"`treadctl {words[0]}` does not exist"
    if len(words) > 1 and re.search(rf"^\W*{re.escape(words[1])}\s", help_text.stdout, re.MULTILINE) and "COMMAND" in help_text.stdout:
        names.append(words[1])
        help_text = CliRunner().invoke(build(words[0]), [*names, "--help"], env={"COLUMNS": "300", "NO_COLOR": "1", "TERM": "dumb"})
    known = set(re.findall(r"--[\w-]+", help_text.stdout)) | {"--help"}
    assert {word.split("=")[0] for word in words[1:] if word.startswith("--")} <= known
