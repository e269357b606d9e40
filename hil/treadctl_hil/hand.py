"""A host made by hand: sends bytes to a rig in injected time and collects what comes back, each piece with its instant. For the bench's own tests."""

from __future__ import annotations

import struct
from pathlib import Path

from treadctl_hil.bench import Bench, load
from treadctl_hil.modbus import rtu, rtu_valid
from treadctl_hil.reactor import ManualTime
from treadctl_hil.rig import Rig

BENCHES = Path(__file__).resolve().parent.parent / "benches"
START_S = 1000.0


class Hand:
    """A rig of a shipped bench, its time, and both ends of its wires."""

    def __init__(self, bench: str | Bench = "altivar-rtu", *overrides: str) -> None:
        self.time = ManualTime(START_S)
        self.rig = Rig(load(BENCHES / f"{bench}.toml", overrides) if isinstance(bench, str) else bench, self.time)
        self.heard: dict[str, list[tuple[float, bytes]]] = {name: [] for name in self.rig.logs}
        for name in self.rig.lines:
            self.rig.to_host[name] = _Ear(self, name)
        self.wire = self.rig.bench.drive.wire
        self.rig.start()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        self.time.run_until(self.time.now_s() + seconds)

    def send(self, data: bytes, wire: str | None = None) -> None:
        """Hand bytes over, now."""
        self.rig.host_bytes(wire or self.wire, data, False)

    def take(self, wire: str | None = None) -> bytes:
        """Everything heard since the last take."""
        pieces = self.heard[wire or self.wire]
        data = b"".join(piece for _, piece in pieces)
        pieces.clear()
        return data

    def ask(self, data: bytes, patience_s: float = 0.05) -> bytes:
        """Send, wait, and return what came back."""
        self.take()
        self.send(data)
        self.run(patience_s)
        return self.take()

    # Modbus ----------------------------------------------------------------------------------------------------------------------------------
    def write(self, register: int, word: int, unit: int = 1) -> bytes:
        """Function 6; the raw reply."""
        return self.ask(rtu(unit, struct.pack(">BHH", 6, register, word & 0xFFFF)))

    def read(self, register: int, count: int = 1, unit: int = 1) -> tuple[int, ...]:
        """Function 3; nothing where the reply is not a good one."""
        raw = self.ask(rtu(unit, struct.pack(">BHH", 3, register, count)))
        if not rtu_valid(raw) or raw[1] != 3 or raw[2] != len(raw) - 5:
            return ()
        return struct.unpack(f">{raw[2] // 2}H", raw[3:-2])

    def tcp(self, pdu: bytes, unit: int = 1, wire: str = "io", patience_s: float = 0.01) -> bytes:
        """One Modbus TCP exchange; the reply's PDU, nothing if none came."""
        got: list[bytes] = []
        whole = self.rig.tcp[wire].received(bytearray(struct.pack(">HHHB", 7, 0, len(pdu) + 1, unit) + pdu), got.append)
        self.run(patience_s)
        return got[0][7:] if whole and got else b""

    def coil(self, on: bool) -> bytes:
        """Switch the I/O module's enable coil on its TCP wire."""
        return self.tcp(struct.pack(">BHH", 5, 0, 0xFF00 if on else 0))

    def run_belt(self, rpm: int, reverse: bool = False, seconds: float = 4.0, watchdog_ds: int = 300) -> None:
        """Enable the Altivar and bring the belt to a speed. The coil's timer is left off."""
        self.coil(True)
        self.run(0.05)
        self.write(6005, watchdog_ds)
        run = 0x080F if reverse else 0x000F
        for word in (6, 7):
            self.write(8501, word)
        self.write(8602, 0)
        self.write(8501, run)
        self.write(8602, rpm)
        self.run(seconds)

    @property
    def speed_mps(self) -> float:
        """True belt speed, signed."""
        return self.rig.world.belt_speed_mps


class _Ear:
    def __init__(self, hand: Hand, wire: str) -> None:
        self._hand = hand
        self._wire = wire

    def __call__(self, data: bytes) -> None:
        self._hand.heard[self._wire].append((self._hand.time.now_s(), data))
