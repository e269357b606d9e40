"""A simulated I/O module for tests: Modbus TCP bytes in and out, with the output watchdog that drops its coil."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class SimulatedIoModule:
    """The module. `coil_writes` logs (instant, on); `ignores_watchdog` accepts the watchdog's value and keeps its own; `refuses` answers exception 2."""

    unit: int = 1
    inputs: dict[int, bool] = field(default_factory=lambda: dict.fromkeys(range(6), True))
    registers: dict[int, int] = field(default_factory=lambda: {0: 800, 1: 800, 2: 0})
    noise: bool = True
    ignores_watchdog: bool = False
    refuses: set[int] = field(default_factory=set)
    watchdog_ms: int = 5000
    coil_writes: list[tuple[float, bool]] = field(default_factory=list)
    written: set[tuple[int, int]] = field(default_factory=set)
    functions: list[int] = field(default_factory=list)
    _coil_until_s: float = 0.0
    _turn: int = 0

    def receive(self, data: bytes, now_s: float) -> bytes:
        """The reply to one request frame."""
        if data[6] != self.unit:
            return b""
        pdu = self._pdu(data[7:], now_s)
        return data[:4] + (len(pdu) + 1).to_bytes(2, "big") + data[6:7] + pdu

    def speed_mps(self, now_s: float) -> float:
        """What the encoder on the module measures, m/s."""
        del now_s
        return self.registers[2] / 1000

    def coil_closed(self, now_s: float) -> bool:
        """Whether the enable coil is closed: a write came within the module's own watchdog."""
        return now_s < self._coil_until_s

    def _pdu(self, pdu: bytes, now_s: float) -> bytes:
        function, address, word = pdu[0], int.from_bytes(pdu[1:3], "big"), int.from_bytes(pdu[3:5], "big")
        self.functions.append(function)
        if function in self.refuses:
            return bytes((function | 0x80, 2))
        if function == 2:
            bits = sum(self.inputs.get(address + n, False) << n for n in range(word))
            size = (word + 7) // 8
            return bytes((2, size)) + bits.to_bytes(size, "little")
        if function == 4:
            self._turn += 1
            flicker = self._turn % 2 if self.noise else 0
            values = [(self.registers.get(address + n, 0) + (flicker if address + n < 2 else 0)) & 0xFFFF for n in range(word)]
            return bytes((4, 2 * word)) + b"".join(value.to_bytes(2, "big") for value in values)
        if function == 3:
            return bytes((3, 2)) + self.watchdog_ms.to_bytes(2, "big")
        self.written.add((function, address))
        if function == 6:
            self.watchdog_ms = self.watchdog_ms if self.ignores_watchdog else word
        elif function == 5:
            on = word == 0xFF00
            self.coil_writes.append((now_s, on))
            self._coil_until_s = now_s + self.watchdog_ms / 1000 if on else 0.0
        else:
            return bytes((function | 0x80, 1))
        return pdu
