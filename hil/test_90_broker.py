"""The broker dies during a session, and then the telemetry process with it. The belt does not notice."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness import Rig, ramped, until
from treadctl.testing.simulated import end_process

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(not Path(MOSQUITTO).exists(), reason="mosquitto is not installed")
def test_a_dead_broker_and_dead_telemetry_change_nothing_on_the_belt(rig: Rig, tmp_path: Path) -> None:
    port = free_port()
    broker_file, telemetry_file, log = tmp_path / "broker.conf", tmp_path / "telemetry.toml", tmp_path / "telemetry.log"
    broker_file.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n", encoding="utf-8")
    telemetry_file.write_text(f'format = 1\nmachine = "bench"\nsocket = "{rig.socket}"\n\n[broker]\nhost = "127.0.0.1"\nport = {port}\n', encoding="utf-8")
    with log.open("w", encoding="utf-8") as out:
        broker = subprocess.Popen([MOSQUITTO, "-c", str(broker_file)], stdout=out, stderr=out, text=True)  # noqa: S603 - the system's broker
        telemetry: subprocess.Popen[str] | None = None
        try:
            until(lambda: answers(port), 5.0, "the broker")
            telemetry = subprocess.Popen([sys.executable, "-m", "treadctl.telemetry", "--config", str(telemetry_file)], stdout=out, stderr=out, text=True)  # noqa: S603
            until(lambda: "New client connected" in log.read_text(encoding="utf-8"), 10.0, "telemetry at the broker")
            rig.session()
            broker.kill()
            broker.wait(5.0)
            goes_on(rig)
            telemetry.kill()
            telemetry.wait(5.0)
            goes_on(rig)
        finally:
            for process in (broker, telemetry):
                if process is not None:
                    end_process(process)
    rig.mark("stop")
    rig.client.stop()
    assert ramped(rig.measured("stop"))


def goes_on(rig: Rig) -> None:
    walked_m = rig.belt.state()["belt_travel_m"]
    until(lambda: rig.belt.state()["belt_travel_m"] > walked_m + 0.3, 5.0, "the walk to go on")
    assert rig.causes() == []
    assert rig.client.snapshot().state == "running"
