from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from treadctl.cli import doctor, host
from treadctl.cli.app import run
from treadctl.cli.host import Finding, Level, judge, summarise


def put(root: Path, path: str, text: str = "") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def levels(findings: list[Finding]) -> list[Level]:
    return [finding.level for finding in findings]


@pytest.mark.parametrize(("text", "level"), [("16\n", Level.BAD), ("2", Level.BAD), ("1\n", Level.OK)])
def test_a_slow_latency_timer_is_found_and_its_remedy_given(tmp_path: Path, text: str, level: Level) -> None:
    put(tmp_path, "sys/bus/usb-serial/devices/ttyUSB0/latency_timer", text)
    (finding,) = host.latency_timers(tmp_path)
    assert finding.level is level
    assert ("/ttyUSB0/latency_timer" in finding.remedy) is (level is Level.BAD)


def test_ports_are_listed_by_their_lasting_names_and_others_are_marked(tmp_path: Path) -> None:
    put(tmp_path, "dev/ttyUSB0")
    put(tmp_path, "dev/ttyACM1")
    folder = tmp_path / "dev/serial/by-id"
    folder.mkdir(parents=True)
    (folder / "usb-drive").symlink_to("../../ttyUSB0")
    findings = host.ports(tmp_path)
    assert levels(findings) == [Level.OK, Level.WARN]
    assert "usb-drive -> ttyUSB0" in findings[0].text
    assert "ttyACM1" in findings[1].text


def test_modem_manager_is_found_among_the_processes(tmp_path: Path) -> None:
    put(tmp_path, "proc/1/comm", "init\n")
    assert levels(host.modem_manager(tmp_path)) == [Level.OK]
    put(tmp_path, "proc/77/comm", "ModemManager\n")
    assert levels(host.modem_manager(tmp_path)) == [Level.WARN]


def test_a_unit_without_a_watchdog_is_bad_and_no_systemd_is_said(tmp_path: Path) -> None:
    assert levels(host.service_watchdog(tmp_path)) == [Level.INFO]
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    assert levels(host.service_watchdog(tmp_path)) == [Level.WARN]
    unit = put(tmp_path, "usr/lib/systemd/system/treadctld.service", "[Service]\nWatchdogSec=0\n")
    assert levels(host.service_watchdog(tmp_path)) == [Level.BAD]
    unit.write_text("[Service]\nWatchdogSec=1s\n")
    assert levels(host.service_watchdog(tmp_path)) == [Level.OK]


@pytest.mark.parametrize(("free", "level"), [(50_000_000, Level.BAD), (500_000_000, Level.WARN), (5_000_000_000, Level.OK)])
def test_little_room_for_the_journal_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: Level) -> None:
    class Usage:
        def __init__(self) -> None:
            self.free = free

    def usage(place: Path) -> Usage:
        assert place == tmp_path
        return Usage()

    monkeypatch.setattr(host.shutil, "disk_usage", usage)
    (finding,) = host.disk(tmp_path / "not" / "there")
    assert finding.level is level


def test_lateness_is_counted_in_the_right_bin_and_none_is_lost() -> None:
    lateness = summarise([0.00005, 0.0003, 0.0003, 0.2])
    assert dict(lateness.histogram)[0.0001] == 1
    assert dict(lateness.histogram)[0.0005] == 2
    assert dict(lateness.histogram)[math.inf] == 1
    assert sum(count for _, count in lateness.histogram) == 4
    assert lateness.max_s == 0.2


@pytest.mark.parametrize(("late_s", "level"), [([0.0001] * 100, Level.OK), ([0.0001] * 90 + [0.006] * 10, Level.WARN), ([0.0001] * 999 + [0.021], Level.BAD)])
def test_lateness_is_judged_by_what_the_interlock_would_do(late_s: list[float], level: Level) -> None:
    assert judge(summarise(late_s)).level is level


def test_waking_is_measured_against_the_due_instant_and_progress_is_shown() -> None:
    now_s = [0.0]
    progress: list[float] = []

    def clock() -> float:
        return now_s[0]

    def sleep(wait_s: float) -> None:
        now_s[0] += wait_s + 0.003

    lateness = doctor.measure(1.0, clock, sleep, progress.append)
    assert lateness.p50_s == pytest.approx(0.003)
    assert lateness.count == 200
    assert 8 <= len(progress) <= 10


def test_doctor_as_json_is_stable_and_its_code_follows_the_worst(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def good(root: Path) -> list[Finding]:
        return [Finding("x", Level.WARN, "so so", "mend it")]

    def bad(root: Path) -> list[Finding]:
        return [Finding("y", Level.BAD, "[bold]bad[/bold]", "mend it")]

    arguments = ["doctor", "--seconds", "0", "--journal-dir", str(tmp_path), "--socket", str(tmp_path / "none")]
    monkeypatch.setattr(doctor, "HOST_CHECKS", (good,))
    assert run([*arguments, "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert set(body) == {"ok", "findings", "lateness"}
    assert body["ok"] is True
    assert body["findings"][0] == {"id": "x", "level": "warn", "text": "so so", "remedy": "mend it"}
    assert {finding["id"] for finding in body["findings"]} == {"x", "disk", "daemon"}
    monkeypatch.setattr(doctor, "HOST_CHECKS", (bad,))
    assert run(arguments) == 1
    assert "[bold]bad[/bold]" in capsys.readouterr().out


def test_the_real_checks_run_on_this_computer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--seconds", "0.05", "--json"]) in {0, 1}
    body = json.loads(capsys.readouterr().out)
    assert {"sched_fifo", "mlockall", "modem_manager", "disk", "systemd_watchdog", "daemon", "lateness"} <= {finding["id"] for finding in body["findings"]}
    assert body["lateness"]["count"] > 0
