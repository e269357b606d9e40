"""Channels that no shipped driver measures yet (console presence, heart rate), as a driver package of somebody else's would bring them.

The harness writes a `*.dist-info` folder that announces `link` and `family` as entry points and puts it on the daemon's PYTHONPATH, so that the daemon
finds them exactly as it finds an installed package. Values come as JSON datagrams on a Unix socket: `{"presence": false, "heart_rate": 121.0}`.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from treadctl.core.sample import ChannelId, Quality
from treadctl.ports import ChannelReading, Clock, LinkStats, SensorFrame

CHANNELS = frozenset({ChannelId.PRESENCE, ChannelId.HEART_RATE})
PERIOD_S = 0.1
ENTRY_POINTS = """[treadctl.links]
bench_datagrams = harness_extras:link

[treadctl.drivers]
bench_extras = harness_extras:family
"""
MACHINE_SECTIONS = """
[links.extras_link]
kind = "bench_datagrams"
path = "{path}"

[[devices]]
driver = "bench_extras"
link = "extras_link"
"""


class DatagramsConfig(BaseModel):
    """The [links.NAME] table: where the datagrams arrive."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")
    path: str


class ExtrasConfig(BaseModel):
    """The [[devices]] table: nothing to set."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class _DatagramsFamily:
    """A link that is only the path of a socket."""

    config_model: type[Any] = DatagramsConfig

    def build(self, config: DatagramsConfig, clock: Clock) -> Path:
        """See ports.LinkFamily."""
        del clock
        return Path(config.path)


class Extras:
    """A `treadctl.ports.SensorSource`: says again every 0.1 s what it was last told. Starts with the console present and a pulse of 80."""

    channels = CHANNELS

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._values: dict[str, bool | float] = {"presence": True, "heart_rate": 80.0}

    def stats(self) -> LinkStats:
        """Nothing is counted."""
        return LinkStats()

    async def run(self, sink: Callable[[SensorFrame], None]) -> None:
        """See ports.SensorSource."""
        with suppress(FileNotFoundError):
            self._path.unlink()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.setblocking(False)
            listener.bind(str(self._path))
            loop = asyncio.get_running_loop()
            while True:
                with suppress(TimeoutError):
                    told = await asyncio.wait_for(loop.sock_recv(listener, 4096), PERIOD_S)
                    self._values.update(json.loads(told))
                readings = tuple(ChannelReading(channel, self._values[channel.value], Quality.GOOD) for channel in sorted(CHANNELS))
                sink(SensorFrame(self._clock(), readings))


class _ExtrasFamily:
    """Builds the source; see ports.DeviceFamily."""

    role = "sensor"
    config_model: type[Any] = ExtrasConfig
    link_kinds = frozenset({"bench_datagrams"})

    def address(self, config: ExtrasConfig) -> None:
        """It is alone on its link."""
        del config

    def channels(self, config: ExtrasConfig) -> frozenset[ChannelId]:
        """What it measures."""
        del config
        return CHANNELS

    def build(self, config: ExtrasConfig, path: Path, clock: Clock) -> Extras:
        """See ports.DeviceFamily."""
        del config
        return Extras(path, clock)


link = _DatagramsFamily()
family = _ExtrasFamily()
