"""The simulated Altivar: registers and the CiA 402 state machine of a Schneider drive, in front of the plant.

Register numbers, the order 6 - 7 - F, reverse by bit 11 and the 10 s default of the time-out are those of public register lists. Unverified, and chosen
here: the address of the time-out (6005), the reaction to 0006h while running (free-wheel), the state shown during a ramp stop (still enabled
until the belt stands), the fault numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from treadctl_hil.actuator import Actuator
from treadctl_hil.faults import Switchboard
from treadctl_hil.measure import Verdict
from treadctl_hil.modbus import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, ModbusError, rtu_valid, writes_of

CMD: Final = 8501
LFR: Final = 8502
LFRD: Final = 8602
ETA: Final = 3201
RFR: Final = 3202
LCR: Final = 3204
RFRD: Final = 8604
LFT: Final = 7121
ACC: Final = 9001
DEC: Final = 9002
TTO: Final = 6005
FAULT_SLF: Final = 5  # loss of communication [?]
FAULT_OCF: Final = 9  # overcurrent [?]


class State(StrEnum):
    """Power states by the standard's names."""

    SWITCH_ON_DISABLED = "switch_on_disabled"
    READY = "ready_to_switch_on"
    SWITCHED_ON = "switched_on"
    ENABLED = "operation_enabled"
    QUICK_STOP = "quick_stop_active"
    FAULT_REACTION = "fault_reaction_active"
    FAULT = "fault"


_ETA: Final = {
    State.SWITCH_ON_DISABLED: 0x0250,
    State.READY: 0x0231,
    State.SWITCHED_ON: 0x0233,
    State.ENABLED: 0x0237,
    State.QUICK_STOP: 0x0217,
    State.FAULT_REACTION: 0x021F,
    State.FAULT: 0x0218,
}


@dataclass(frozen=True, slots=True)
class AltivarSetting:
    """Commissioning of the drive."""

    m_per_s_per_rpm: float = 0.0025
    rpm_per_hz: float = 30.0  # four poles
    rated_hz: float = 50.0
    vendor: str = "Schneider Electric"
    product: str = "ATV320U07M2B"
    revision: str = "V2.9IE32"
    timeout_default_ds: int = 100  # tenths of a second, as shipped
    loss_action: str = "ramp"  # or "coast"


def judge(frame: bytes) -> Verdict:
    """What a host's RTU frame asks for: the definition of a stop frame on this drive.

    Stop: CMD written without all four run bits, or with the halt bit; or a setpoint of zero. Moves: a run word, or a setpoint other than
    zero. Arms: the shutdown word 0006h or a fault reset.
    """
    if not rtu_valid(frame):
        return Verdict()
    return judge_pdu(frame[1:-2])


def judge_pdu(pdu: bytes) -> Verdict:
    """The same for a PDU, without unit and CRC."""
    stop = moves = arms = False
    for write in writes_of(pdu):
        if write.coil:
            continue
        if write.address == CMD:
            run = write.word & 0x0F == 0x0F and not write.word & 0x0100
            stop, moves = stop or not run, moves or run
            arms = arms or write.word & 0x0F == 0x06 or bool(write.word & 0x80)
        elif write.address in (LFR, LFRD):
            stop, moves = stop or write.word == 0, moves or write.word != 0
    return Verdict(stop and not moves, moves, arms)


class Altivar:
    """Registers behind Modbus. `tick(now_s)` runs its time-outs; `heard(now_s)` notes a valid frame addressed to it."""

    def __init__(self, setting: AltivarSetting, actuator: Actuator, faults: Switchboard) -> None:
        self.setting = setting
        self._actuator = actuator
        self._faults = faults
        self._heard_s = 0.0
        self._now_s = 0.0
        self._powered = True
        self._power_up()

    def _power_up(self) -> None:
        self.state = State.SWITCH_ON_DISABLED
        self.fault_code = 0
        self._cmd = 0
        self._lfr = 0
        self._lfrd = 0
        self._rpm = 0.0
        self._ramps = {ACC: 0, DEC: 0}
        self._timeout_ds = self.setting.timeout_default_ds

    # what the world does to it ---------------------------------------------------------------------------------------------------------------
    def power(self, on: bool) -> None:
        """Mains. Coming back, everything is as at power-up."""
        if on and not self._powered:
            self._power_up()
        self._powered = on
        if not on:
            self._actuator.order("coast", 0.0)

    @property
    def powered(self) -> bool:
        """Whether it can hear and answer."""
        return self._powered

    def trip(self, code: int) -> None:
        """A fault of its own: torque off."""
        self.fault_code = code
        self.state = State.FAULT
        self._actuator.order("coast", 0.0)

    def heard(self, now_s: float) -> None:
        """A valid frame for this unit arrived."""
        self._heard_s = self._now_s = now_s

    def tick(self, now_s: float) -> None:
        """Safe torque off, the communication time-out, and the ends of ramps."""
        self._now_s = now_s
        if not self._powered:
            return
        if not self._actuator.relay_closed and self.state not in (State.FAULT, State.SWITCH_ON_DISABLED):
            self._leave(State.FAULT if self.state is State.FAULT_REACTION else State.SWITCH_ON_DISABLED, "coast")
        standing = self._actuator.standing
        if self.state is State.ENABLED and not self._run_word and standing and self._cmd & 0x0F == 0x07:
            self._leave(State.SWITCHED_ON, "coast")
        elif self.state is State.QUICK_STOP and standing:
            self._leave(State.SWITCH_ON_DISABLED, "coast")
        elif self.state is State.FAULT_REACTION and standing:
            self._leave(State.FAULT, "coast")
        elif self.state in (State.ENABLED, State.QUICK_STOP) and self._silent_too_long(now_s):
            self.fault_code = FAULT_SLF
            if self.setting.loss_action == "coast":
                self._leave(State.FAULT, "coast")
            else:
                self._leave(State.FAULT_REACTION, "ramp_stop")

    def _silent_too_long(self, now_s: float) -> bool:
        if self._faults.params("watchdog_dead") is not None or self._timeout_ds == 0:
            return False
        return now_s - self._heard_s > self._timeout_ds * 0.1

    @property
    def _run_word(self) -> bool:
        return self._cmd & 0x0F == 0x0F and not self._cmd & 0x0100

    def _leave(self, state: State, order: str) -> None:
        self.state = state
        self._actuator.order(order, 0.0)

    # command word ----------------------------------------------------------------------------------------------------------------------------
    def _command(self, word: int) -> None:
        before, self._cmd = self._cmd, word
        if self.state in (State.FAULT, State.FAULT_REACTION):
            if word & 0x80 and not before & 0x80 and self.state is State.FAULT:
                self.fault_code = 0
                self.state = State.SWITCH_ON_DISABLED
            return
        if not word & 0x02:  # disable voltage
            self._leave(State.SWITCH_ON_DISABLED, "coast")
        elif not word & 0x04:  # quick stop
            if self.state is State.ENABLED:
                self._leave(State.QUICK_STOP, "fast_stop")
            elif self.state is not State.QUICK_STOP:
                self.state = State.SWITCH_ON_DISABLED
        elif not word & 0x01:  # shutdown
            if not self._actuator.relay_closed or self.state is State.QUICK_STOP:
                return
            if self.state in (State.ENABLED, State.SWITCHED_ON):
                self._leave(State.READY, "coast")
            else:
                self.state = State.READY
        elif not word & 0x08:  # switch on; out of operation: ramp to standstill
            if self.state is State.READY:
                self.state = State.SWITCHED_ON
            elif self.state is State.ENABLED:
                self._actuator.order("ramp_stop", 0.0, self._ramp_mps2(DEC))
        elif self.state in (State.SWITCHED_ON, State.ENABLED):
            self.state = State.ENABLED
            self._follow()

    def _follow(self) -> None:
        """Hand the setpoint to the plant as a signed speed: bit 11 turns it around."""
        if self.state is not State.ENABLED:
            return
        if self._cmd & 0x0100:
            self._actuator.order("ramp_stop", 0.0, self._ramp_mps2(DEC))
            return
        if not self._run_word:
            return
        target_mps = self._rpm * self.setting.m_per_s_per_rpm * (-1.0 if self._cmd & 0x0800 else 1.0)
        faster = abs(target_mps) > abs(self._actuator.speed_mps)
        self._actuator.order("run", target_mps, self._ramp_mps2(ACC if faster else DEC))

    def _ramp_mps2(self, register: int) -> float | None:
        """The ramp set by the host (tenths of a second from zero to the rated speed), None = as the plant was commissioned."""
        tenths = self._ramps[register]
        rated_mps = self.setting.rated_hz * self.setting.rpm_per_hz * self.setting.m_per_s_per_rpm
        return None if tenths == 0 else rated_mps / (tenths * 0.1)

    # Points ----------------------------------------------------------------------------------------------------------------------------------
    def read_bit(self, function: int, address: int) -> bool:
        """There are no bits."""
        raise ModbusError(ILLEGAL_FUNCTION)

    def write_bit(self, address: int, on: bool) -> None:
        """There are no coils."""
        raise ModbusError(ILLEGAL_FUNCTION)

    def read_word(self, function: int, address: int) -> int:
        """Registers of function 3; anything else is an illegal address."""
        rpm = self._actuator.reported_speed_mps / self.setting.m_per_s_per_rpm
        words = {
            CMD: self._cmd,
            LFR: self._lfr,
            LFRD: self._lfrd,
            ETA: self._eta(),
            3203: 0,
            RFR: round(abs(rpm) / self.setting.rpm_per_hz * 10.0),
            LCR: round(self._actuator.current_a * 10.0),
            RFRD: round(rpm),
            LFT: self.fault_code,
            ACC: self._ramps[ACC] or 150,
            DEC: self._ramps[DEC] or 42,
            TTO: self._timeout_ds,
        }
        if function != 3:
            raise ModbusError(ILLEGAL_FUNCTION)
        if address not in words:
            raise ModbusError(ILLEGAL_ADDRESS)
        return words[address] & 0xFFFF

    def _eta(self) -> int:
        word = _ETA[self.state]
        speed = self._actuator.reported_speed_mps
        if self.state is State.ENABLED and self._actuator.at_target:
            word |= 0x0400
        if speed < 0.0:
            word |= 0x8000
        return word

    def write_word(self, address: int, word: int) -> None:
        """Registers of functions 6 and 16."""
        if address == CMD:
            self._command(word)
        elif address in (LFR, LFRD):
            signed = word - 0x10000 if word & 0x8000 else word
            if address == LFR:
                self._lfr, self._rpm = word, signed * 0.1 * self.setting.rpm_per_hz
            else:
                self._lfrd, self._rpm = word, float(signed)
            self._follow()
        elif address in (ACC, DEC):
            if not 1 <= word <= 60000:
                raise ModbusError(ILLEGAL_VALUE)
            self._ramps[address] = word
        elif address == TTO:
            if not 1 <= word <= 300:
                raise ModbusError(ILLEGAL_VALUE)
            if self._faults.params("watchdog_off") is None:
                self._timeout_ds = word
        else:
            raise ModbusError(ILLEGAL_ADDRESS)

    def device_id(self) -> dict[int, str]:
        """Vendor, product code, revision."""
        other = self._faults.params("wrong_identity")
        product = self.setting.product if other is None else str(other["product"])
        vendor = self.setting.vendor if other is None else str(other["vendor"])
        return {0: vendor, 1: product, 2: self.setting.revision}

    def view(self) -> dict[str, object]:
        """For the control socket."""
        return {"state": str(self.state), "cmd": self._cmd, "setpoint_rpm": self._rpm, "fault": self.fault_code, "watchdog_s": self._timeout_ds * 0.1}
