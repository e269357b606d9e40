"""The link families of the machine file: `modbus_rtu`, `modbus_tcp`, `serial` (entry-point group `treadctl.links`).

What a device gets: a ModbusLink (a bus and the codec of its framing) or a SerialLine (a raw line, on which it builds a Bus of its own or listens).
Nothing is opened here: the line opens when the first device enters `running()`, closes when the last one leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from treadctl.ports import Clock
from treadctl_drivers._bus import Bus, LineTiming, slack_s
from treadctl_drivers._line import Line, LineUser
from treadctl_drivers._modbus import Framing, Modbus
from treadctl_drivers._serial import Parity, SerialSettings, serial_opener
from treadctl_drivers._tcp import tcp_opener
from treadctl_drivers._timer import AlarmFactory, precise_alarm

FAST_GAP_S: Final = 0.00175  # above 19200 Bd the Modbus serial specification fixes the silence between frames
EXCHANGE_CHARS: Final = 17  # two registers: 8 characters asked (unit, function, address, count, CRC), 9 answered (unit, function, byte count, 4 bytes, CRC)
QUIET_S: Final = 0.05  # after a lost reply; our choice: as long again as the longest time-out; an RTU line's own is shorter
TCP_LOSSES: Final = 20  # lost replies in a row (about a second) after which a TCP connection is made anew


class _LinkConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


_Port = Annotated[str, Field(min_length=1, description="Path of the port; a by-id path survives replugging")]
_Baud = Annotated[int, Field(ge=300, le=4_000_000, description="Speed in bit/s")]
_Stopbits = Annotated[Literal[1, 2], Field(description="Stop bits")]
_Turnaround = Annotated[
    float,
    Field(gt=0.0, le=0.04, description="Seconds from request to reply, the slowest seen at commissioning; caps the time-out during motion"),
]


class ModbusRtuConfig(_LinkConfig):
    """[links.NAME] with kind = "modbus_rtu"."""

    kind: Literal["modbus_rtu"] = Field(default="modbus_rtu", description="Kind of link")
    port: _Port
    baud: _Baud = 19200
    parity: Annotated[Parity, Field(description="N, E or O; Modbus' default is E")] = "E"
    stopbits: _Stopbits = 1
    turnaround_max_s: _Turnaround = 0.02
    echo: Annotated[bool, Field(description="The adapter returns every byte we send (two-wire RS-485 with its receiver on)")] = False


class ModbusTcpConfig(_LinkConfig):
    """[links.NAME] with kind = "modbus_tcp"."""

    kind: Literal["modbus_tcp"] = Field(default="modbus_tcp", description="Kind of link")
    host: Annotated[str, Field(min_length=1, description="Address or name of the device; an address needs no name service")]
    port: Annotated[int, Field(ge=1, le=65535, description="TCP port")] = 502
    turnaround_max_s: _Turnaround = 0.04


class SerialConfig(_LinkConfig):
    """[links.NAME] with kind = "serial"."""

    kind: Literal["serial"] = Field(default="serial", description="Kind of link")
    port: _Port
    baud: _Baud
    parity: Annotated[Parity, Field(description="N, E or O")] = "N"
    stopbits: _Stopbits = 1
    turnaround_max_s: _Turnaround = 0.02
    echo: Annotated[bool, Field(description="The adapter returns every byte we send")] = False
    lines_at_open: Annotated[bool, Field(description="RTS and DTR asserted when the port opens; false where one of them switches the enable")] = True


@dataclass(frozen=True, slots=True)
class ModbusLink:
    """A Modbus line: `modbus` builds the exchanges, `bus` carries them out. Shared by every device on the line."""

    bus: Bus
    modbus: Modbus


class SerialLine:
    """A serial line for one device: either `open_bus()` for request and reply, or `open_line(user)` to listen and write freely."""

    def __init__(self, config: SerialConfig, clock: Clock) -> None:
        self.settings = SerialSettings(config.port, config.baud, config.parity, config.stopbits, config.lines_at_open)
        self.turnaround_max_s = config.turnaround_max_s
        self.echo = config.echo
        self.clock = clock

    def open_line(self, user: LineUser) -> Line:
        """The bare line; its `link` (a SerialLink) also has the modem lines."""
        return Line(self.settings.port, serial_opener(self.settings), user)

    def open_bus(self, *, gap_s: float = 0.0, quiet_s: float = QUIET_S, alarm: AlarmFactory = precise_alarm) -> Bus:
        """A bus for a protocol that needs `gap_s` of silence before a request."""
        timing = LineTiming(self.settings.byte_s, gap_s, slack_s(self.turnaround_max_s), quiet_s, self.echo)
        return Bus(Line(self.settings.port, serial_opener(self.settings)), timing, self.clock, alarm)


def rtu_timing(settings: SerialSettings, turnaround_max_s: float, echo: bool = False) -> LineTiming:
    """Modbus RTU: 3.5 characters of silence before a frame up to 19200 Bd, 1.75 ms above (Modbus over serial line, 2.5.1.1).

    After a lost reply the line is left quiet for as long again as this line's reply may take: a reply later than twice the slowest one seen is met by
    the bus' rule on replies that are owed. More would age every other device's channels beyond their limit for one lost frame.
    """
    gap_s = 3.5 * settings.byte_s if settings.baud <= 19200 else FAST_GAP_S
    slack = slack_s(turnaround_max_s)
    return LineTiming(settings.byte_s, gap_s, slack, slack, echo)


class _ModbusRtuFamily:
    """Link family `modbus_rtu`: build returns a ModbusLink."""

    config_model: type[Any] = ModbusRtuConfig

    def least_exchange_s(self, config: ModbusRtuConfig) -> float:
        """See ports.LinkFamily."""
        timing = self._timing(config)
        return EXCHANGE_CHARS * timing.byte_s + timing.gap_s

    def build(self, config: ModbusRtuConfig, clock: Clock) -> ModbusLink:
        """See ports.LinkFamily."""
        return ModbusLink(Bus(Line(config.port, serial_opener(self._settings(config))), self._timing(config), clock), Modbus(Framing.RTU))

    @staticmethod
    def _settings(config: ModbusRtuConfig) -> SerialSettings:
        return SerialSettings(config.port, config.baud, config.parity, config.stopbits)

    def _timing(self, config: ModbusRtuConfig) -> LineTiming:
        return rtu_timing(self._settings(config), config.turnaround_max_s, config.echo)


class _ModbusTcpFamily:
    """Link family `modbus_tcp`: build returns a ModbusLink."""

    config_model: type[Any] = ModbusTcpConfig

    def least_exchange_s(self, config: ModbusTcpConfig) -> float:
        """See ports.LinkFamily."""
        del config
        return 0.0

    def build(self, config: ModbusTcpConfig, clock: Clock) -> ModbusLink:
        """See ports.LinkFamily. No gap and no quiet time: every reply carries its exchange's number."""
        timing = LineTiming(0.0, 0.0, slack_s(config.turnaround_max_s), 0.0, losses_to_reconnect=TCP_LOSSES)
        line = Line(f"{config.host}:{config.port}", tcp_opener(config.host, config.port))
        return ModbusLink(Bus(line, timing, clock), Modbus(Framing.TCP))


class _SerialFamily:
    """Link family `serial`: build returns a SerialLine."""

    config_model: type[Any] = SerialConfig

    def least_exchange_s(self, config: SerialConfig) -> float:
        """See ports.LinkFamily. One device owns such a line; nobody has to share it."""
        del config
        return 0.0

    def build(self, config: SerialConfig, clock: Clock) -> SerialLine:
        """See ports.LinkFamily."""
        return SerialLine(config, clock)


modbus_rtu = _ModbusRtuFamily()
modbus_tcp = _ModbusTcpFamily()
serial = _SerialFamily()
