from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from treadctl.config import FixedRegistry, MachineConfig, load_machine
from treadctl.core.sample import ChannelId
from treadctl.errors import TreadctlError

MACHINE = """
format = 1
[machine]
name = "bench"
deck_length_m = 1.5
[limits]
max_speed_forward_mps = 4.0
max_speed_reverse_mps = 2.2
max_acceleration_mps2 = 0.25
max_deceleration_mps2 = 0.8
max_jerk_mps3 = 1.0
protective_deceleration_mps2 = 0.9
fast_deceleration_mps2 = 2.0
max_grade_percent = 0.0
max_grade_rate_percent_per_s = 0.033
max_duration_s = 2400
[safety]
cord_wiring = "input_only"
proof = ["cord_a", "cord_b"]
sensor_age_limit_s = 0.1
drive_age_limit_s = 0.25
drive_watchdog_limit_s = 0.5
[links.bus]
kind = "bus"
port = "/dev/bus"
baud = 38400
[links.line]
kind = "line"
port = "/dev/line"
[drive]
driver = "motor"
link = "bus"
unit = 1
max_speed_mps = 4.0
[[devices]]
driver = "board"
link = "line"
channels = ["cord_a", "cord_b", "rail_left", "rail_right"]
[[devices]]
driver = "io"
link = "bus"
unit = 2
inputs = { estop = 0, attendant = 1 }
[enable]
device = "io"
"""


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class BusConfig(Strict):
    port: str
    baud: int


class LineConfig(Strict):
    port: str


class Checked(Strict):
    address: int = Field(alias="register", description="number of the register")


class MotorConfig(Strict):
    unit: int = Field(ge=1, le=247)
    max_speed_mps: float = Field(gt=0.0, description="top speed, m/s")
    reverse: bool = True
    watchdog_s: float = 0.5
    max_grade_percent: float = 0.0
    checked: tuple[Checked, ...] = ()


class BoardConfig(Strict):
    channels: tuple[ChannelId, ...]


class IoConfig(Strict):
    unit: int
    inputs: dict[str, int]


class FakeLink:
    def __init__(self, config_model: type[Any]) -> None:
        self.config_model = config_model

    def least_exchange_s(self, config: object) -> float:
        return 17 * 11 / getattr(config, "baud", 19200) + 0.00175

    def build(self, config: object, clock: Callable[[], float]) -> object:
        raise AssertionError("reading a machine file opens nothing")


class FakeDevice:
    def __init__(self, role: str, config_model: type[Any], link_kinds: set[str]) -> None:
        self.role = role
        self.config_model = config_model
        self.link_kinds = frozenset(link_kinds)

    def address(self, config: object) -> int | None:
        return getattr(config, "unit", None)

    def build(self, config: object, link: object, clock: Callable[[], float]) -> object:
        raise AssertionError("reading a machine file opens nothing")


class KnowingDevice(FakeDevice):
    """A family that says itself what it measures."""

    def channels(self, config: object) -> frozenset[ChannelId]:
        return frozenset({ChannelId.ESTOP, ChannelId.HEART_RATE})


@pytest.fixture
def registry() -> FixedRegistry:
    return FixedRegistry(
        links={"bus": FakeLink(BusConfig), "line": FakeLink(LineConfig)},
        drivers={
            "greedy": FakeDevice("sensor", BoardConfig, {"bus"}),
            "motor": FakeDevice("drive", MotorConfig, {"bus"}),
            "board": FakeDevice("sensor", BoardConfig, {"line"}),
            "io": FakeDevice("sensor", IoConfig, {"bus"}),
            "knowing_io": KnowingDevice("sensor", IoConfig, {"bus"}),
        },
    )


@pytest.fixture
def load(tmp_path: Path, registry: FixedRegistry) -> Callable[..., MachineConfig]:
    """Load the sample machine after replacing parts of its text; a replacement that does not occur is a mistake of the test."""

    def load_changed(*changes: tuple[str, str], name: str = "bench.toml") -> MachineConfig:
        text = MACHINE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return load_machine(path, registry)

    return load_changed


@pytest.fixture
def refusal(load: Callable[..., MachineConfig]) -> Callable[..., TreadctlError]:
    def refused(*changes: tuple[str, str], name: str = "bench.toml") -> TreadctlError:
        with pytest.raises(TreadctlError) as caught:
            load(*changes, name=name)
        return caught.value

    return refused
