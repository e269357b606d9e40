"""A simulated Altivar for unit tests of the driver: registers, power states, time-out and ramp behind RTU or TCP bytes, and an in-memory line to reach it.

Written from the same facts as the driver, so that it proves the driver's logic, not the facts; the judge with its own physics and code is `treadctl_hil`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from treadctl.ports import Clock
from treadctl_drivers._modbus import crc16
from treadctl_drivers.altivar import frames
from treadctl_drivers.altivar.frames import PowerState

WATCHDOG_REGISTER: Final = 6005
LOST_COMMUNICATION: Final = 5
_ETA: Final = {
    PowerState.NOT_READY: 0x0200,
    PowerState.SWITCH_ON_DISABLED: 0x0250,
    PowerState.READY: 0x0231,
    PowerState.SWITCHED_ON: 0x0233,
    PowerState.ENABLED: 0x0237,
    PowerState.QUICK_STOP: 0x0217,
    PowerState.FAULT_REACTION: 0x021F,
    PowerState.FAULT: 0x0218,
}
_NEXT: Final = {  # (state, low bits of the control word) -> state
    (PowerState.SWITCH_ON_DISABLED, 0x06): PowerState.READY,
    (PowerState.READY, 0x07): PowerState.SWITCHED_ON,
    (PowerState.SWITCHED_ON, 0x0F): PowerState.ENABLED,
    (PowerState.SWITCHED_ON, 0x06): PowerState.READY,
}


@dataclass
class SimulatedAltivar:
    """The drive. `answer(frame)` takes a request and gives the reply (empty = silence). The motor follows its setpoint at `ramp_rpm_per_s`."""

    clock: Clock
    unit: int = 1
    vendor: str = "Schneider Electric"
    product: str = "ATV320U07M2B"
    ramp_rpm_per_s: float = 400.0
    knows_identity: bool = True
    registers: dict[int, int] = field(default_factory=dict)
    state: PowerState = PowerState.SWITCH_ON_DISABLED
    rpm: float = 0.0
    fault_code: int = 0
    writes: list[tuple[float, int, int]] = field(default_factory=list)
    frozen_registers: set[int] = field(default_factory=set)
    _seen_s: float = 0.0
    _heard_s: float = 0.0

    def __post_init__(self) -> None:
        self.registers = {frames.CMD: 0, frames.LFRD: 0, WATCHDOG_REGISTER: 100, 9001: 30, 9002: 30, **self.registers}
        self._seen_s = self._heard_s = self.clock()

    def answer(self, frame: bytes) -> bytes:
        """The reply to one RTU frame; nothing for a damaged one or another unit's."""
        if len(frame) < 4 or crc16(frame[:-2]) != frame[-2:] or frame[0] != self.unit:
            return b""
        reply = frame[:1] + self._pdu(frame[1:-2])
        return reply + crc16(reply)

    def answer_tcp(self, frame: bytes) -> bytes:
        """The reply to one TCP frame."""
        if frame[6] != self.unit:
            return b""
        pdu = self._pdu(frame[7:])
        return frame[:4] + (len(pdu) + 1).to_bytes(2, "big") + frame[6:7] + pdu

    def _pdu(self, pdu: bytes) -> bytes:
        self.settle()
        self._heard_s = self.clock()
        function = pdu[0]
        if function == 0x2B and self.knows_identity:
            objects = b"".join(bytes((number, len(text))) + text.encode() for number, text in enumerate((self.vendor, self.product, "V1.0")))
            return bytes((0x2B, 0x0E, 0x01, 0x01, 0x00, 0x00, 3)) + objects
        if function not in (3, 6):
            return bytes((function | 0x80, 1))
        address, word = int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        if function == 6:
            if address not in self.registers:
                return bytes((0x86, 2))
            self._write(address, word)
            return pdu
        values = [self._read(address + offset) for offset in range(word)]
        if None in values:
            return bytes((0x83, 2))
        return bytes((3, 2 * word)) + b"".join((value or 0).to_bytes(2, "big") for value in values)

    def _read(self, address: int) -> int | None:
        dynamic = {
            frames.ETA: _ETA[self.state] | (frames.REVERSING if self.rpm < 0 else 0),
            frames.ETA + 1: round(abs(self.rpm) / 3.0),
            frames.RFRD: round(self.rpm) & 0xFFFF,
            frames.LFT: self.fault_code,
        }
        return dynamic.get(address, self.registers.get(address))

    def _write(self, address: int, word: int) -> None:
        self.writes.append((self.clock(), address, word))
        if address in self.frozen_registers:
            return
        before, self.registers[address] = self.registers[address], word
        if address == frames.CMD:
            self._command(word, before)

    def _command(self, word: int, before: int) -> None:
        low = word & 0x0F
        if self.state in (PowerState.FAULT, PowerState.FAULT_REACTION):
            if word & 0x80 and not before & 0x80 and self.state is PowerState.FAULT:
                self.state, self.fault_code = PowerState.SWITCH_ON_DISABLED, 0
        elif not low & 0x02:
            self.state = PowerState.SWITCH_ON_DISABLED
        elif not low & 0x04:
            self.state = PowerState.QUICK_STOP if self.state is PowerState.ENABLED else PowerState.SWITCH_ON_DISABLED
        else:
            self.state = _NEXT.get((self.state, low), self.state)

    def settle(self) -> None:
        """Let time pass up to now: the time-out, the ramp, and the states that end at standstill."""
        now_s = self.clock()
        passed_s, self._seen_s = now_s - self._seen_s, now_s
        limit_s = self.registers[WATCHDOG_REGISTER] * frames.WATCHDOG_STEP_S
        if limit_s and now_s - self._heard_s > limit_s and self.state is PowerState.ENABLED:
            self.state, self.fault_code = PowerState.FAULT_REACTION, LOST_COMMUNICATION
        step = self.ramp_rpm_per_s * passed_s * (3.0 if self.state is PowerState.QUICK_STOP else 1.0)
        target = self._target_rpm()
        self.rpm = min(target, self.rpm + step) if target > self.rpm else max(target, self.rpm - step)
        if self.rpm == 0.0:
            if self.state is PowerState.QUICK_STOP:
                self.state = PowerState.SWITCH_ON_DISABLED
            elif self.state is PowerState.FAULT_REACTION:
                self.state = PowerState.FAULT
            elif self.state is PowerState.ENABLED and self.registers[frames.CMD] & 0x0F == 0x07:
                self.state = PowerState.SWITCHED_ON

    def _target_rpm(self) -> float:
        word = self.registers[frames.CMD]
        if self.state is not PowerState.ENABLED or word & 0x0F != frames.RUN:
            return 0.0
        return -float(self.registers[frames.LFRD]) if word & frames.REVERSE_BIT else float(self.registers[frames.LFRD])


Reply = tuple[float, bytes]
"""Bytes that arrive so many seconds after they normally would."""
Fault = Callable[[bytes, bytes], list[Reply]]
"""What the wire makes of a reply, given request and reply: nothing (lost), later, twice, damaged."""


class SimulatedLine:
    """ByteLink straight into a device, with the timing of a wire. `sent` logs (instant, frame) of everything written.

    `fault` may be set at any time; `deaf`: the wire is broken toward the device; `inject` puts bytes on the wire that nobody asked for; `cut` breaks the link.
    A device answers in the order in which it was asked: no answer overtakes a late one.
    """

    def __init__(self, answer: Callable[[bytes], bytes], *, byte_s: float = 0.0, turnaround_s: float = 0.001) -> None:
        self.sent: list[tuple[float, bytes]] = []
        self.fault: Fault | None = None
        self.deaf = False
        self.closed = False
        self._answer = answer
        self._byte_s = byte_s
        self._turnaround_s = turnaround_s
        self._free_s = 0.0  # the last byte of all answers so far is through
        self._loop = asyncio.get_running_loop()
        self._received: Callable[[bytes], None] | None = None
        self._lost: Callable[[str], None] | None = None

    def start(self, received: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        """See ByteLink."""
        self._received, self._lost = received, lost

    def write(self, data: bytes) -> None:
        """See ByteLink. The device hears the frame when its last byte has passed, and answers after its turnaround."""
        self.sent.append((self._loop.time(), data))
        self._loop.call_later(len(data) * self._byte_s, self._heard, data)

    def close(self) -> None:
        """See ByteLink."""
        self.closed = True
        self._received = self._lost = None

    def inject(self, data: bytes) -> None:
        """Bytes arrive now."""
        if self._received is not None:
            self._received(data)

    def cut(self, reason: str = "unplugged") -> None:
        """The link breaks."""
        if self._lost is not None:
            self._lost(reason)

    def _heard(self, request: bytes) -> None:
        if self.closed or self.deaf:
            return
        reply = self._answer(request)
        arrivals = [(0.0, reply)] if self.fault is None else self.fault(request, reply)
        not_before_s = self._free_s
        for late_s, data in arrivals:
            if data:
                ends_s = max(self._loop.time() + self._turnaround_s + late_s + len(data) * self._byte_s, not_before_s)
                self._free_s = max(self._free_s, ends_s)
                self._loop.call_at(ends_s, self.inject, data)
