"""A session as JSON keeps to its published schema and comes back as it was."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
import reports_rig as rig

from treadctl.errors import TreadctlError
from treadctl.records.model import BlackBox, Session, SessionHead
from treadctl.reports import session_json as module
from treadctl.reports.session_json import SCHEMA_FILE, SessionDocument, main, read_session, schema_text, session_json


def test_the_committed_schema_is_fresh() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text(), "stale: run `python -m treadctl.reports.session_json`"


def test_a_stale_schema_is_noticed_and_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "session.schema.json"
    monkeypatch.setattr(module, "SCHEMA_FILE", copy)
    assert main(["--check"]) == 1
    assert "stale" in capsys.readouterr().out
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert main(["--wrong"]) == 2
    assert copy.read_text(encoding="utf-8") == schema_text()


def test_the_schema_forbids_what_it_does_not_name() -> None:
    schema = json.loads(schema_text())
    parts = [schema, *schema["$defs"].values()]
    objects = [part for part in parts if part.get("type") == "object"]
    assert len(objects) == 8
    assert all(part["additionalProperties"] is False for part in objects)
    assert all(set(part["required"]) == set(part["properties"]) for part in objects)


@pytest.mark.parametrize("build", [rig.session, rig.finished, rig.empty, rig.crowded], ids=lambda build: build.__name__)
def test_a_session_comes_back_as_it_was(build: Callable[[], Session]) -> None:
    made = replace(build(), black_box=BlackBox("seg-1", "boot-1", 10.0, 20.0, "ab"))
    text = session_json(made)
    assert read_session(text) == made
    assert session_json(read_session(text)) == text


def test_absurd_figures_become_null_and_the_document_still_keeps_to_the_schema() -> None:
    text = session_json(rig.absurd())
    assert "NaN" not in text
    assert "Infinity" not in text
    back = read_session(text)
    assert math.isnan(back.mass_kg)
    assert math.isnan(back.head.summary.mean_mps)
    assert back.head.summary.rail_load_percent is None
    assert len({len(getattr(back.series, field.name)) for field in fields(back.series)}) == 1
    assert session_json(back) == text


def test_every_field_of_a_session_is_in_the_document() -> None:
    named = set(SessionDocument.model_fields)
    renamed = {"person_id": "person", "revision_id": "revision"}
    for kind in (SessionHead, Session):
        assert {renamed.get(field.name, field.name) for field in fields(kind)} - {"head"} <= named


@pytest.mark.parametrize(
    ("change", "code", "place"),
    [
        ({"version": 2}, "TC111", "session"),
        ({"format": "other"}, "TC111", "session"),
        ({"unheard_of": 1}, "TC104", "session > unheard_of"),
        ({"machine": None}, "TC104", "session > machine"),
        ({"summary": {}}, "TC104", "session > summary > duration_s"),
    ],
)
def test_a_document_that_is_not_right_is_refused_with_its_place(stopped: Session, change: dict[str, object], code: str, place: str) -> None:
    raw = json.loads(session_json(stopped)) | change
    with pytest.raises(TreadctlError, match=code) as caught:
        read_session(json.dumps(raw))
    assert caught.value.place == place


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "1e999"])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(TreadctlError):
        read_session(text)


def test_names_in_any_script_come_back_and_half_a_character_is_replaced() -> None:
    made = replace(rig.empty(), attendant="ليلى 😀 \ud800")
    assert read_session(session_json(made)).attendant == "ليلى 😀 ?"


def test_the_module_writes_nothing_when_it_only_checks() -> None:
    done = subprocess.run([sys.executable, "-m", "treadctl.reports.session_json", "--check"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
