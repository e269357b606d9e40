"""AltivarDrive: a Schneider Altivar as ports.BeltDrive. Connects, recognises, attests, polls and reports; the pilot writes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final, TypeVar

from treadctl.core.messages import DriveOrder
from treadctl.core.sample import Direction, DriveStatus, Quality
from treadctl.ports import Clock, DriveCapabilities, DriveReport, LinkStats
from treadctl_drivers._exchange import Exchange, ExchangeError, Failure, FailureKind
from treadctl_drivers.altivar import frames
from treadctl_drivers.altivar.config import AltivarConfig, RegisterValue
from treadctl_drivers.altivar.frames import PowerState
from treadctl_drivers.altivar.pilot import Pilot
from treadctl_drivers.links import ModbusLink

log = logging.getLogger(__name__)

T = TypeVar("T")

LEASE_CHECK_S: Final = 0.05  # while orders come, each of them is the tick; this one notices that none comes
SILENCE_S: Final = 1.0  # without one valid reply: it may have been switched off, so it is recognised and attested anew
RETRY_S: Final = 0.5  # between two attempts to recognise or attest
REATTEST_S: Final = 5.0  # at rest; the time-out is read again before every session that way
FAULT_READ_S: Final = 1.0
STATE_MISSES: Final = 2  # so many reads of the state word unanswered in a row, and its age is that of the whole status
IMPOSSIBLE_FACTOR: Final = 2.0  # a speed beyond this multiple of the highest ever sent is a reading no belt can have; less is an overspeed, and is reported


class AltivarDrive:
    """A treadmill drive on a Modbus link; see ports.BeltDrive for the contract.

    One poll is a read of the measured speed (one register); every second one, and always while something changes or a reply was lost, is followed by a
    read of the state word (two registers, the second unused): an RTU reply does not name its registers, so that only different lengths show a reply
    that comes one exchange late. A report is pushed after each read of the speed.
    """

    def __init__(self, config: AltivarConfig, link: ModbusLink, clock: Clock) -> None:
        self._config = config
        self._bus = link.bus
        self._modbus = link.modbus
        self._clock = clock
        self._pilot = Pilot(config, link, clock, self._push)
        unit = config.unit
        self._read_speed = link.modbus.read_registers(unit, frames.RFRD, 1)
        self._read_state = link.modbus.read_registers(unit, frames.ETA, 2)  # with RFR: another length than the speed's reply, see the class
        self._read_fault = link.modbus.read_registers(unit, frames.LFT, 1)
        self._read_watchdog = link.modbus.read_registers(unit, config.watchdog_register, 1)
        self._write_watchdog = link.modbus.write_register(unit, config.watchdog_register, config.watchdog_steps)
        self._sink: Callable[[DriveReport], None] | None = None
        self._up = asyncio.Event()
        self._forget()

    # -- ports.BeltDrive -----------------------------------------------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> DriveCapabilities:
        """See ports.BeltDrive."""
        config = self._config
        return DriveCapabilities(
            directions=frozenset(Direction) if config.reverse else frozenset({Direction.FORWARD}),
            min_speed_mps=config.min_speed_mps,
            max_speed_mps=config.max_speed_mps,
            speed_step_mps=config.m_per_s_per_rpm,
            has_grade=False,
            max_grade_percent=0.0,
        )

    def apply(self, order: DriveOrder) -> None:
        """See ports.BeltDrive."""
        self._pilot.apply(order)
        self._pilot.tick()

    def stats(self) -> LinkStats:
        """See ports.BeltDrive: the counters of the whole bus, which other devices may share."""
        return self._bus.stats()

    async def run(self, sink: Callable[[DriveReport], None]) -> None:
        """See ports.BeltDrive."""
        self._sink = sink
        unwatch = self._bus.watch(self._link_changed)
        try:
            async with self._bus.running(), asyncio.TaskGroup() as group:
                if self._bus.is_up:
                    self._link_changed(True)
                group.create_task(self._watch_lease(), name="altivar lease")
                while True:
                    await self._up.wait()
                    started_s = self._clock()
                    await self._poll()
                    await asyncio.sleep(max(0.0, started_s + self._config.poll_interval_s - self._clock()))
        finally:
            unwatch()
            self._sink = None

    # -- link ----------------------------------------------------------------------------------------------------------------------------------------

    def _forget(self) -> None:
        """Nothing is known of the device, as at power-up."""
        self._identified = False  # the identity matched on this link
        self._stranger = False  # it did not: read only until the link is made anew
        self._ramps_right = False
        self._watchdog_s: float | None = None
        self._attest_at_s = 0.0
        self._heard_s = self._clock()
        self._eta: int | None = None
        self._eta_at_s = 0.0
        self._state_misses = 0
        self._fault_code = 0
        self._fault_at_s = 0.0
        self._rpm = 0
        self._state_due = False
        self._disagreements = 0  # state words in a row whose direction bit contradicts the sign of the speed
        self._status: DriveStatus | None = None
        self._quality = Quality.ABSENT
        self._status_at_s = self._clock()

    def _link_changed(self, up: bool) -> None:
        self._forget()
        if up:
            self._up.set()
        else:
            self._up.clear()
            self._pilot.link_lost()
            self._push()

    async def _watch_lease(self) -> None:
        while True:
            await asyncio.sleep(LEASE_CHECK_S)
            self._pilot.tick()

    async def _ask(self, exchange: Exchange[T]) -> tuple[T, float, float] | Failure:
        """One exchange as (value, sent_s, at_s), or how it failed. Notes when the drive was last heard."""
        try:
            answer = await self._bus.ask(exchange)
        except ExchangeError as error:
            if error.failure.kind is FailureKind.REFUSED:
                self._heard_s = self._clock()
            return error.failure
        self._heard_s = answer.at_s
        return answer.value, answer.sent_s, answer.at_s

    # -- polling -------------------------------------------------------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        now_s = self._clock()
        if not self._identified and not self._stranger and now_s >= self._attest_at_s:
            await self._recognise()
        heard = await self._poll_speed()
        self._state_due = not self._state_due
        if self._state_due or not heard or not self._pilot.steady or self._disagreements:
            await self._poll_state()
        now_s = self._clock()
        if now_s - self._heard_s > SILENCE_S:
            self._silent()
        elif self._identified and now_s >= self._attest_at_s and (self._pilot.at_rest or not self._pilot.may_run):
            await self._attest()

    async def _poll_state(self) -> None:
        state = await self._ask(self._read_state)
        if isinstance(state, Failure):
            self._state_misses += 1
            return
        self._state_misses = 0
        self._eta, self._eta_at_s = state[0][0], state[2]
        self._disagreements = self._disagreements + 1 if frames.directions_disagree(self._rpm, self._eta) else 0
        power = frames.power_state(self._eta)
        self._pilot.state_seen(power, state[1], state[2])
        await self._watch_faults(power)

    def _speed_read(self, rpm: int, at_s: float) -> None:
        """Fold speed and state word into a status and push it."""
        self._rpm = rpm
        self._pilot.speed_seen(rpm, at_s)
        if self._eta is None:
            return
        state = frames.power_state(self._eta)
        motion = frames.motion(rpm, self._config.m_per_s_per_rpm)
        if self._disagreements == 1:
            return  # the two are not read at one instant: a motor that just turns around looks like this once
        plausible = state is not None and self._disagreements == 0 and motion.speed_mps <= IMPOSSIBLE_FACTOR * self._config.max_speed_mps
        if state is not None and plausible:
            self._status, self._quality = DriveStatus(frames.folded(state), motion, fault_code=self._fault_code), Quality.GOOD
        else:
            self._status, self._quality = None, Quality.IMPLAUSIBLE
        self._status_at_s = at_s if self._state_misses < STATE_MISSES else self._eta_at_s
        self._push()

    async def _watch_faults(self, state: PowerState | None) -> None:
        """Read why the drive tripped, and acknowledge only what our own silence caused."""
        if state is not PowerState.FAULT:
            self._fault_code = 0
            return
        now_s = self._clock()
        if self._fault_code == 0 or now_s >= self._fault_at_s:
            self._fault_at_s = now_s + FAULT_READ_S
            fault = await self._ask(self._read_fault)
            if isinstance(fault, tuple):
                self._fault_code = fault[0][0]
        if self._fault_code == self._config.communication_fault_code:
            self._pilot.reset_communication_fault()

    def _silent(self) -> None:
        """Nothing valid for long: whatever was attested may be gone with its power. Stops may still be written; running needs a new attestation."""
        if not self._identified and self._status is None:
            return
        may_write = self._pilot.may_write
        self._forget()
        self._pilot.disturbed()
        self._pilot.may_write = may_write
        self._push()

    # -- who is it, and will it stop by itself -------------------------------------------------------------------------------------------------------

    async def _recognise(self) -> None:
        """Compare the identity with the configuration. No reply: try again. Another answer: a stranger, for as long as this link lasts."""
        config = self._config
        self._attest_at_s = self._clock() + RETRY_S
        found: list[str] = []
        if config.identity is not None:
            who = await self._ask(self._modbus.read_identity(config.unit))
            if isinstance(who, Failure):
                if who.kind is FailureKind.REFUSED:
                    found.append(f"it does not tell its identity ({who.detail})")
                else:
                    return
            elif who[0].vendor != config.identity.vendor or not who[0].product.startswith(config.identity.product):
                found.append(f"it is {who[0].vendor!r} {who[0].product!r}, not {config.identity.vendor!r} {config.identity.product!r}")
        for wanted in config.identity_registers:
            right = await self._holds(wanted)
            if right is None:
                return
            if not right:
                found.append(f"register {wanted.address} does not hold {wanted.value}")
        if found:
            self._stranger = True
            log.error("drive at unit %d is not the configured one: %s; it is read, never written", config.unit, "; ".join(found))
            self._push()
            return
        await self._check_ramps()
        self._identified = True
        self._attest_at_s = self._clock()
        self._pilot.recognised()
        self._permit()

    async def _holds(self, wanted: RegisterValue) -> bool | None:
        """Whether a register holds what was configured; None = no reply. A refusal is a no."""
        reply = await self._ask(self._modbus.read_registers(self._config.unit, wanted.address, 1))
        if isinstance(reply, tuple):
            return reply[0] == (wanted.value,)
        return False if reply.kind is FailureKind.REFUSED else None

    async def _check_ramps(self) -> None:
        """A stop is as long as the drive's own ramp: it must be the commissioned one."""
        self._ramps_right = True
        for wanted in (self._config.acceleration, self._config.deceleration):
            if wanted is not None and not await self._holds(wanted):
                self._ramps_right = False
                log.error("drive at unit %d: register %d does not hold %d; nothing will run", self._config.unit, wanted.address, wanted.value)

    async def _attest(self) -> None:
        """Read the drive's own communication time-out; where it is another than configured, and the belt stands, write it and read it back."""
        self._attest_at_s = self._clock() + RETRY_S
        await self._check_ramps()
        steps = await self._watchdog_steps()
        if steps is not None and steps != self._config.watchdog_steps and self._pilot.at_rest:
            await self._ask(self._write_watchdog)
            steps = await self._watchdog_steps()
        self._watchdog_s = round(steps * frames.WATCHDOG_STEP_S, 1) if steps else None
        if steps == self._config.watchdog_steps:
            self._attest_at_s = self._clock() + REATTEST_S
        self._permit()

    async def _poll_speed(self) -> bool:
        """Read the measured speed and report it; False where there was no reply."""
        speed = await self._ask(self._read_speed)
        if isinstance(speed, tuple):
            self._speed_read(frames.signed(speed[0][0]), speed[2])
        return isinstance(speed, tuple)

    async def _watchdog_steps(self) -> int | None:
        """The time-out, read twice with a reply of another length between: a stray speed must never attest a watchdog.

        The speed is polled in between: on a slow wire the belt's status would otherwise grow too old meanwhile.
        """
        found = set()
        for _ in range(2):
            reply = await self._ask(self._read_watchdog)
            if not isinstance(reply, tuple) or isinstance(await self._ask(self._read_state), Failure):
                return None
            await self._poll_speed()
            found.add(reply[0][0])
        return found.pop() if len(found) == 1 else None

    def _permit(self) -> None:
        watched = self._watchdog_s is not None and self._watchdog_s <= self._config.watchdog_s
        self._pilot.may_run = self._identified and self._ramps_right and watched
        self._push()

    def _push(self) -> None:
        if self._sink is None:
            return
        self._sink(
            DriveReport(
                at_s=self._status_at_s,
                status=self._status,
                quality=self._quality,
                identified=self._identified and self._ramps_right,
                watchdog_s=self._watchdog_s,
                confirmed_order=self._pilot.confirmed_order,
            )
        )
