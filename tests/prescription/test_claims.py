"""What users may read: every statement of the articles is answered, with its evidence, and the unsupported one is nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from treadctl.prescription.claims import CLAIMS, Claim, claim

ROOT = Path(__file__).resolve().parents[2]
IDS = [f"A{n}" for n in range(1, 8)] + [f"B{n}" for n in range(1, 14)]
MULTIPLE = re.compile(
    r"\b(2|two)[\s-]*(to|-|–|or)[\s-]*(3|three)[\s-]*(times|fold|x)\b|\b(twice|double|triple)\b[^.]{0,40}\b(benefit|calories|energy)\b", re.IGNORECASE
)
READ_BY_USERS = sorted(
    path for part in ("docs", "profiles", "treadctl") for path in (ROOT / part).rglob("*") if path.suffix in {".md", ".toml", ".py", ".json"}
)


def test_every_statement_of_the_articles_has_one_claim() -> None:
    assert [entry.id for entry in CLAIMS] == IDS


@pytest.mark.parametrize("entry", CLAIMS, ids=lambda entry: entry.id)
def test_a_claim_comes_with_evidence_and_a_place(entry: Claim) -> None:
    assert claim(entry.id) is entry
    assert entry.sentence.endswith(".")
    assert entry.shown
    assert any(word in entry.evidence for word in ("read", "measured", "derived", "unverified"))


def test_an_unknown_claim_is_no_claim() -> None:
    with pytest.raises(KeyError):
        claim("A8")


@pytest.mark.parametrize("text", ["2 to 3 times the benefit", "two-to-three times", "2-3x", "burns double the calories"])
def test_the_pattern_knows_the_unsupported_promise(text: str) -> None:
    assert MULTIPLE.search(text)


def test_the_unsupported_promise_stands_nowhere() -> None:
    assert len(READ_BY_USERS) > 100
    found = {path.name: MULTIPLE.search(path.read_text(encoding="utf-8")) for path in READ_BY_USERS}
    assert {name: match.group() for name, match in found.items() if match} == {}


def test_the_knee_is_promised_to_some_only_and_the_energy_as_a_ratio_that_was_measured() -> None:
    assert "about a quarter lower at equal speed, not in everyone" in claim("A4").sentence
    assert "1.3 to 1.6" in claim("A2").sentence
