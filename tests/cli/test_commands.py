from __future__ import annotations

import asyncio
import json
import sys
import types
from pathlib import Path

import pytest

from treadctl.cli import app
from treadctl.cli.app import run
from treadctl.core.interlock import ROWS
from treadctl.core.messages import Checklist, Origin, RequestKind
from treadctl.core.prompts import Answer, PromptKind
from treadctl.errors import ERRORS
from treadctl.ipc import shape
from treadctl.ipc.snapshot import Snapshot

from .conftest import SNAPSHOT, Served


async def call(*arguments: str) -> int:
    return await asyncio.to_thread(run, list(arguments))


@pytest.mark.parametrize("kind", [RequestKind.HOLD, RequestKind.RESUME, RequestKind.RESET, RequestKind.END, RequestKind.DISARM])
async def test_each_plain_command_asks_for_its_own_kind(served: Served, kind: RequestKind, capsys: pytest.CaptureFixture[str]) -> None:
    assert await call(kind.value, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"kind": kind.value, "accepted": True, "state": "idle", "reasons": []}
    assert [(r.kind, r.origin) for r in served.requests] == [(kind, Origin.LOCAL)]


async def test_a_refusal_ends_with_1_and_shows_every_reason(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    served.refuse[RequestKind.RESET] = ["The belt moves.", "Nobody is present."]
    assert await call("reset") == 1
    error = capsys.readouterr().err
    assert "TC402" in error
    assert "The belt moves." in error
    assert "Nobody is present." in error
    assert await call("reset", "--json") == 1
    assert json.loads(capsys.readouterr().out)["reasons"] == ["The belt moves.", "Nobody is present."]


async def test_requests_from_an_ssh_session_say_so(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_TTY", "/dev/pts/1")
    await call("end")
    assert served.requests[0].origin is Origin.REMOTE


async def test_arm_sends_the_person_the_checklist_and_the_absolute_path(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert await call("arm", "--profile", "p.toml", "--mass-kg", "70", "--attendant", "B. Attendant", "--yes-checklist") == 0
    arm = served.requests[0].arm
    assert arm is not None
    assert (arm.person.mass_kg, arm.profile_path) == (70.0, str(tmp_path / "p.toml"))
    assert arm.checklist == Checklist("B. Attendant", cord_clipped=True, clear_zone=True, shoes=True)


async def test_arm_without_a_terminal_does_not_tick_the_checklist_by_itself(served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.toml").touch()
    assert await call("arm", "--profile", str(tmp_path / "p.toml"), "--mass-kg", "70", "--attendant", "B") == 2
    assert "TC104" in capsys.readouterr().err
    assert served.requests == []


async def test_start_renews_until_the_belt_is_started(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert await call("start", "--hold-seconds", "2", "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "running"
    kinds = {r.kind for r in served.requests}
    assert (len(served.requests), kinds) == (3, {RequestKind.START_HOLD})
    assert len({r.id for r in served.requests}) == 3
    gaps = [b.received_s - a.received_s for a, b in zip(served.requests, served.requests[1:], strict=False)]
    assert all(gap >= 0.05 for gap in gaps)
    assert all(r.expires_s - r.issued_s <= 0.26 for r in served.requests)
    assert {r.arming for r in served.requests} == {"ab" * 16}  # what was shown as armed when the key went down


async def test_a_start_released_too_early_starts_nothing_and_says_so(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    served.starts_after = 99
    assert await call("start", "--hold-seconds", "0.15") == 1
    assert "Released" in capsys.readouterr().err


async def test_a_blocked_start_stops_asking_and_gives_the_reasons(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    served.refuse[RequestKind.START_HOLD] = ["The pull cord is not yet proven."]
    assert await call("start", "--hold-seconds", "2") == 1
    assert "not yet proven" in capsys.readouterr().err
    assert len(served.requests) == 1


async def test_an_answer_is_sent_on_its_scale(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert await call("answer", "rpe", "13") == 0
    assert served.requests[0].answer == Answer(PromptKind.RPE, 13.0)
    for wrong in ("5", "21", "nan"):
        assert await call("answer", "rpe", wrong) == 2
    assert capsys.readouterr().err.count("TC104") == 3
    assert len(served.requests) == 1


async def test_status_as_json_is_the_snapshot(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    assert await call("status", "--json") == 0
    assert shape.read(Snapshot, json.loads(capsys.readouterr().out)) == SNAPSHOT


async def test_status_shows_state_speed_and_events(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    served.server.publish_event("note", "Something happened.")
    assert await call("status") == 0
    out = capsys.readouterr().out
    assert "RUNNING" in out
    assert "0.39 m/s" in out
    assert "Something happened." in out


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["launch"], 2),
        (["status", "--no-such"], 2),
        (["arm"], 2),
        (["answer", "mood", "3"], 2),
        (["arm", "--profile", "/no/such.toml", "--mass-kg", "70", "--attendant", "B", "--yes-checklist"], 2),
        (["arm", "--profile", "/no/such.toml", "--mass-kg", "7000", "--attendant", "B", "--yes-checklist"], 2),
        (["explain", "no_such_cause"], 2),
        (["start", "--hold-seconds", "99"], 2),
        (["start"], 2),
        (["status", "--socket", "/no/such.sock"], 1),
        (["hold", "--socket", "/no/such.sock"], 1),
    ],
)
def test_bad_input_ends_in_one_numbered_message_and_no_traceback(arguments: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == code
    error = capsys.readouterr().err
    assert error.startswith("TC")
    assert error.count("TC") == 1
    assert "Traceback" not in error


def test_every_cause_and_every_error_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    for row in ROWS:
        assert run(["explain", row.id.replace("_", "-"), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert (found["sentence"], found["action"], found["clears"], found["requirement"]) == (row.sentence, row.action.name, row.clears.value, row.requirement)
        assert run(["explain", row.requirement]) == 0
        assert row.sentence in capsys.readouterr().out
    for error in ERRORS.values():
        assert run(["explain", error.code]) == 0
        assert error.name in capsys.readouterr().out
    assert run(["explain"]) == 0
    assert "pull_cord" in capsys.readouterr().out


def test_a_command_loads_no_module_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    mounted: list[str] = []

    def note(_: object, name: str) -> None:
        mounted.append(name)

    monkeypatch.setattr(app, "_mount", note)
    app.build("status")
    assert mounted == []
    app.build("profile")
    assert mounted == ["profile"]
    app.build("")
    assert mounted[1:] == list(app.MOUNTED)


def test_a_missing_module_of_others_leaves_the_rest_working(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(app, "GROUPS", ("not_there",))
    monkeypatch.setattr(app, "MOUNTED", ("not_there",))
    assert run(["--help"]) == 0
    assert "status" in capsys.readouterr().out
    assert run(["not_there"]) == 2


def test_the_daemon_is_run_with_the_machine_file_and_its_code_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []

    def fake(machine: Path) -> int:
        seen.append(machine)
        return 7

    module = types.ModuleType("treadctl.daemon.main")
    module.run = fake
    monkeypatch.setitem(sys.modules, "treadctl.daemon.main", module)
    assert run(["daemon", "--machine", "m.toml"]) == 7
    assert seen == [Path("m.toml")]


def test_shell_completion_knows_the_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in {"_TREADCTL_COMPLETE": "complete_bash", "COMP_WORDS": "treadctl st", "COMP_CWORD": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        run([])
    assert {"start", "status", "stop"} <= set(capsys.readouterr().out.split())


