"""The board as a source of channels and as an enable output, on a line of its own. Everything happens in callbacks of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from treadctl.core.sample import ChannelId, Quality
from treadctl.ports import ChannelReading, Clock, LinkStats, SensorFrame
from treadctl_drivers._enable import RENEW_S, EnableLease
from treadctl_drivers._line import ByteLink, Line, LineUser
from treadctl_drivers._signal import BeltScaler, TrunkScaler, rail_scaler
from treadctl_drivers.sensor_board.config import SensorBoardConfig
from treadctl_drivers.sensor_board.lines import INPUT_BITS, LineParser, SensorLine, encode_enable
from treadctl_drivers.sensor_board.timeline import BoardTimeline, Verdict


class SensorBoard:
    """A `treadctl.ports.SensorSource` and `EnableOutput`.

    A frame is pushed in the very call that brought the line's last byte. Lines that are damaged, repeated, out of order or from a clock that jumped
    are counted and dropped: their absence makes the channels old, which is what the interlock judges. `open_line` builds the line.
    """

    def __init__(self, config: SensorBoardConfig, open_line: Callable[[LineUser], Line], clock: Clock) -> None:
        self._channels = frozenset(ChannelId(name) for name in config.channels)
        self._clock = clock
        self._line = open_line(self)
        self._link: ByteLink | None = None
        self._sink: Callable[[SensorFrame], None] | None = None
        self._parser = LineParser()
        self._timeline = BoardTimeline()
        self._lease = EnableLease(clock)
        self._enable_n = 0
        self._used = asyncio.Event()  # many boards only measure: nothing is renewed before somebody asked
        self._contacts = tuple(
            (bit, ChannelReading(channel, True, Quality.GOOD), ChannelReading(channel, False, Quality.GOOD))
            for channel, bit in INPUT_BITS.items()
            if channel in self._channels
        )
        rails = config.rails
        self._left = rail_scaler(ChannelId.RAIL_LEFT, rails.left, self._channels, config.frozen_after_s)
        self._right = rail_scaler(ChannelId.RAIL_RIGHT, rails.right, self._channels, config.frozen_after_s)
        self._belt = BeltScaler(config.belt_max_mps, config.belt_frozen_after_s) if ChannelId.BELT in self._channels else None
        self._trunk = TrunkScaler(config.trunk) if config.trunk is not None and ChannelId.TRUNK in self._channels else None

    @property
    def channels(self) -> frozenset[ChannelId]:
        """The channels this board provides."""
        return self._channels

    def stats(self) -> LinkStats:
        """Lines taken as exchanges; refused lines and lines missing by their numbers as mismatches and time-outs; damaged ones as CRC errors."""
        lines, order = self._parser.counters, self._timeline.counters
        return LinkStats(
            exchanges=lines.lines - order.refused,
            timeouts=order.gaps,
            mismatches=order.refused + lines.form_errors,
            crc_errors=lines.crc_errors,
            reconnects=self._line.reconnects,
        )

    async def run(self, sink: Callable[[SensorFrame], None] | None = None) -> None:
        """Own the board until cancelled. Renews the enable output; the board itself drops it 150 ms after the last renewal."""
        self._sink = sink
        try:
            async with self._line.running():
                await self._used.wait()
                while True:
                    await asyncio.sleep(RENEW_S)
                    self._send_enable()
        finally:
            self._sink = None

    def set_enable(self, on: bool) -> None:
        """Want power or not; a change is written before this returns."""
        self._used.set()
        if self._lease.renew(on):
            self._send_enable()

    def _send_enable(self) -> None:
        if self._link is None or not self._lease.asked:
            return
        self._enable_n = (self._enable_n + 1) & 0xFF
        self._link.write(encode_enable(self._lease.wanted, self._enable_n))

    # --- the line ------------------------------------------------------------------------------------------------------------------------

    def line_up(self, link: ByteLink) -> None:
        """The port was opened: what came before says nothing about the order, time or movement of what comes."""
        self._parser.reset()
        self._timeline.reset()
        for scaler in (self._left, self._right, self._belt, self._trunk):
            if scaler is not None:
                scaler.reset()
        self._link = link

    def line_bytes(self, data: bytes) -> None:
        """Bytes arrived."""
        now_s = self._clock()
        for line in self._parser.feed(data):
            verdict, at_s = self._timeline.place(line, now_s)
            if verdict is Verdict.ACCEPTED and self._sink is not None:
                self._sink(self._frame(line, at_s))

    def line_down(self, reason: str) -> None:
        """The port is gone: every channel is absent now, without waiting for its age."""
        del reason  # the line has logged it
        self._link = None
        if self._sink is not None:
            readings = tuple(ChannelReading(channel, None, Quality.ABSENT) for channel in sorted(self._channels))
            self._sink(SensorFrame(self._clock(), readings))

    def _frame(self, line: SensorLine, at_s: float) -> SensorFrame:
        inputs = line.inputs
        readings = [closed if inputs & bit else open_ for bit, closed, open_ in self._contacts]
        if self._left is not None:
            readings.append(self._left.reading(line.rail_left, at_s))
        if self._right is not None:
            readings.append(self._right.reading(line.rail_right, at_s))
        if self._belt is not None:
            readings.append(self._belt.reading(line.belt_mm_per_s, at_s))
        if self._trunk is not None:
            readings.append(self._trunk.reading(line.trunk, at_s))
        return SensorFrame(at_s, tuple(readings))
