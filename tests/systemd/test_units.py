"""The shipped units, judged by systemd itself. What needs a booted systemd is proven by systemd/prove-booted.sh."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEMD = Path(__file__).resolve().parents[2] / "systemd"
SERVICES = ("treadctld.service", "treadctl-telemetry.service", "treadctl-kiosk.service", "treadctl-console.service")
UNITS = (*SERVICES, "treadctl.target")


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = shutil.which("systemd-analyze")
    if command is None:
        pytest.fail("systemd-analyze is not installed and judges the units: apt-get install systemd", pytrace=False)
    return subprocess.run([command, *arguments], capture_output=True, text=True, check=False)  # noqa: S603


def exposure(unit: Path) -> float:
    done = analyze("security", "--offline=true", "--no-pager", str(unit))
    found = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert found, done.stderr
    return float(found[1])


def settings(unit: str) -> dict[str, list[str]]:
    lines: dict[str, list[str]] = {}
    for line in (SYSTEMD / unit).read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            lines.setdefault(key, []).append(value)
    return lines


def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    system = tmp_path / "lib/systemd/system"
    shutil.copytree("/lib/systemd/system", system, symlinks=True)
    (tmp_path / "usr").mkdir()
    (tmp_path / "usr/lib").symlink_to("../lib")
    for unit in UNITS:
        shutil.copy(SYSTEMD / unit, system)
    python = tmp_path / "opt/treadctl/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    done = analyze("verify", f"--root={tmp_path}", "--man=no", *UNITS)
    assert done.returncode == 0, done.stderr
    assert "treadctl" not in done.stderr


@pytest.mark.parametrize(("unit", "limit"), [(unit, 1.0 if unit == "treadctld.service" else 1.5) for unit in SERVICES])
def test_exposure_stays_within_its_limit(unit: str, limit: float) -> None:
    score = exposure(SYSTEMD / unit)
    print(f"exposure of {unit}: {score}")  # noqa: T201 - shown with -s
    assert score <= limit


@pytest.mark.parametrize(
    ("unit", "drop_in", "limit"),
    [
        ("treadctld.service", "treadctld-network.conf", 1.5),
        ("treadctld.service", "treadctld-simulated.conf", 1.5),
        ("treadctl-telemetry.service", "treadctl-telemetry-broker.conf", 1.5),
        ("treadctl-console.service", "treadctl-console-network.conf", 1.5),
    ],
)
def test_drop_ins_open_no_more_than_they_need(tmp_path: Path, unit: str, drop_in: str, limit: float) -> None:
    shutil.copy(SYSTEMD / unit, tmp_path)
    directory = tmp_path / f"{unit}.d"
    directory.mkdir()
    shutil.copy(SYSTEMD / "drop-ins" / drop_in, directory)
    assert exposure(tmp_path / unit) <= limit


def test_daemon_is_watched_restarted_and_followed_by_the_safe_state() -> None:
    unit = settings("treadctld.service")
    assert unit["Type"] == ["notify"]
    assert unit["NotifyAccess"] == ["main"]
    assert unit["WatchdogSec"] == ["2s"]
    assert unit["Restart"] == ["always"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert "treadctl.daemon.safe_state" in unit["ExecStopPost"][0]


def test_daemon_has_no_network_and_no_device_but_serial_ports() -> None:
    unit = settings("treadctld.service")
    assert unit["PrivateNetwork"] == ["yes"]
    assert unit["IPAddressDeny"] == ["any"]
    assert unit["DevicePolicy"] == ["closed"]
    assert unit["DeviceAllow"] == ["char-ttyUSB rw", "char-ttyACM rw"]


def test_daemon_can_tell_who_asks() -> None:
    """In a user namespace of its own every peer of the socket would be uid 65534: the network process could claim to stand at the machine."""
    assert settings("treadctld.service").get("PrivateUsers") == ["no"]


def test_network_process_has_no_device_and_comes_after_the_daemon() -> None:
    unit = settings("treadctl-telemetry.service")
    assert unit["PrivateDevices"] == ["yes"]
    assert "DeviceAllow" not in unit
    assert "dialout" not in unit["SupplementaryGroups"][0]
    assert not {"CPUSchedulingPolicy", "LimitRTPRIO", "LimitMEMLOCK"} & unit.keys()


def test_each_door_of_the_console_has_a_user_of_its_own_without_any_device() -> None:
    users = []
    for unit, door in (("treadctl-kiosk.service", "kiosk"), ("treadctl-console.service", "desk")):
        found = settings(unit)
        users += found["User"]
        assert found["ExecStart"][0].endswith(f"--door {door}")
        assert found["PrivateDevices"] == ["yes"]
        assert found["SupplementaryGroups"] == ["treadctl"]
        assert found["IPAddressAllow"] == ["localhost"]
        assert not {"CPUSchedulingPolicy", "LimitRTPRIO", "LimitMEMLOCK"} & found.keys()
    assert users == ["treadctl-kiosk", "treadctl-console"]
    accounts = (SYSTEMD / "sysusers.d/treadctl.conf").read_text()
    assert all(re.search(rf"(?m)^u\s+{user}\s", accounts) for user in users)


def test_the_door_of_the_desks_is_remote_for_the_daemon_and_the_kiosk_is_not() -> None:
    from treadctl.daemon.service import NETWORK_USERS

    assert "treadctl-console" in NETWORK_USERS
    assert "treadctl-kiosk" not in NETWORK_USERS


def test_the_journal_may_be_read_by_the_console_and_by_nobody_else() -> None:
    assert settings("treadctld.service")["UMask"] == ["0027"]
    lines = (SYSTEMD / "tmpfiles.d/treadctl.conf").read_text().splitlines()
    assert any(line.split() == ["d", "/var/lib/treadctl/journal", "2750", "treadctl", "treadctl-records", "-"] for line in lines)


def test_daemon_does_not_need_the_network_process() -> None:
    for key in ("Requires", "Wants", "BindsTo", "After"):
        needed = " ".join(settings("treadctld.service").get(key, []))
        assert not {"telemetry", "console", "kiosk"} & set(needed.replace(".", " ").replace("-", " ").split())


def test_modules_named_by_the_units_exist() -> None:
    import importlib.util

    for unit in SERVICES:
        for value in settings(unit)["ExecStart"] + settings(unit).get("ExecStopPost", []):
            module = value.split(" -m ")[1].split()[0]
            assert importlib.util.find_spec(module) is not None, module
