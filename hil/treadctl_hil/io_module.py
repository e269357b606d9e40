"""The simulated Modbus I/O module: the documented default map, an enable coil and the timer that opens it."""

from __future__ import annotations

from collections.abc import Callable

from treadctl_hil.faults import Switchboard
from treadctl_hil.modbus import ILLEGAL_ADDRESS, ModbusError
from treadctl_hil.sensors import FEEDBACK, INPUTS, SensorFace


class IoModule:
    """Points of the module. `set_coil(on)` is called when its relay contact changes. Power-up: coil open, output timer off (0)."""

    def __init__(self, face: SensorFace, faults: Switchboard, set_coil: Callable[[bool], None]) -> None:
        self._face = face
        self._faults = faults
        self._set_coil = set_coil
        self.coil = False
        self.watchdog_ms = 0
        self._renewed_s = 0.0
        self._now_s = 0.0

    @property
    def powered(self) -> bool:
        """Always: it has its own supply."""
        return True

    def heard(self, now_s: float) -> None:
        """A valid frame for this unit arrived."""
        self._now_s = now_s

    def tick(self, now_s: float) -> None:
        """Open the output when no coil write came for as long as the timer says."""
        if self.coil and self.watchdog_ms and (now_s - self._renewed_s) * 1000.0 > self.watchdog_ms:
            self._switch(False)

    def _switch(self, on: bool) -> None:
        if on != self.coil:
            self.coil = on
            self._set_coil(on)

    def read_bit(self, function: int, address: int) -> bool:
        """Discrete inputs 0-5 (function 2), coil 0 (function 1)."""
        if function == 1 and address == 0:
            return self.coil
        names = (*INPUTS, FEEDBACK)
        if function == 2 and address < len(names):
            return self._face.closed(names[address])
        raise ModbusError(ILLEGAL_ADDRESS)

    def read_word(self, function: int, address: int) -> int:
        """Input registers 0-2 (function 4), holding register 0 (function 3). What the converter can't read is its lowest number."""
        if function == 3 and address == 0:
            return self.watchdog_ms
        if function != 4 or address > 2:
            raise ModbusError(ILLEGAL_ADDRESS)
        value = self._face.belt_mm_s() if address == 2 else self._face.rail_raw("left" if address == 0 else "right")
        return -0x8000 if value is None else max(-0x8000, min(0x7FFF, value))

    def write_bit(self, address: int, on: bool) -> None:
        """The enable coil."""
        if address != 0:
            raise ModbusError(ILLEGAL_ADDRESS)
        self._renewed_s = self._now_s
        self._switch(on)

    def write_word(self, address: int, word: int) -> None:
        """The output timer, ms."""
        if address != 0:
            raise ModbusError(ILLEGAL_ADDRESS)
        if self._faults.params("io_watchdog_off") is None:
            self.watchdog_ms = word

    def device_id(self) -> dict[int, str]:
        """Who it says it is."""
        return {0: "treadctl bench", 1: "IO-1", 2: "1"}
