"""The suite every belt drive inherits: what a driver must never do to a person, whatever its bus.

Use: subclass `DriveConformance` as `TestMyDrive`, mark it with a loop of simulated time, and give it a fixture `bench` that yields a `DriveBench` and
awaits its `end()` afterwards. The suite sees only the port (`BeltDrive`) and the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from treadctl.core.messages import DriveMode, DriveOrder
from treadctl.core.sample import Direction
from treadctl.ports import BeltDrive, DriveReport
from treadctl.testing.wire import MemoryWire, WireFrame, mute

APPLY_EVERY_S = 0.02
STOPS = (DriveMode.STOP, DriveMode.FAST_STOP, DriveMode.POWER_OFF)
STILL_MPS = 0.06
"""What still counts as standstill of the true belt: just above one tenth of a mile per hour, the coarsest read-back among the drivers."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a frame from the host does. `stop`: a stop frame; `runs`: it lets the belt move; `speed_mps`, `direction`: what it sets, None = nothing."""

    writes: bool
    in_map: bool
    stop: bool = False
    runs: bool = False
    speed_mps: float | None = None
    direction: Direction | None = None

    @property
    def drives(self) -> bool:
        """Whether it asks for motion: a speed above zero, or leave to run."""
        return self.runs or (self.speed_mps is not None and self.speed_mps > 0.0)


@dataclass
class DriveBench:
    """A driver, its wire, and the knowledge of its dialect.

    `stop_frames`: for each stop mode the golden bytes, any of which may be the first write of that stop. `meaning` reads one frame.
    `disguise` turns the device into another machine. `foreign` is a reply that is well formed but answers another request than the one given.
    `worst_exchange_s` is the longest one exchange may occupy the wire, time-out included.
    """

    drive: BeltDrive
    wire: MemoryWire
    meaning: Callable[[bytes], Meaning]
    stop_frames: Mapping[DriveMode, Sequence[bytes]]
    disguise: Callable[[], None]
    foreign: Callable[[bytes], bytes]
    worst_exchange_s: float
    watchdog_limit_s: float = 0.5
    reports: list[DriveReport] = field(default_factory=list)
    _order: DriveOrder = DriveOrder(DriveMode.STOP, 0.0, Direction.FORWARD, None, 1)
    _task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Let the driver run. Called from within the test, not its fixture: only there time is simulated."""
        if self._task is None:
            self._task = asyncio.create_task(self.drive.run(self.reports.append), name="drive under test")

    async def end(self) -> None:
        """End the driver, which must not have ended by itself."""
        if self._task is None:
            return
        task, self._task = self._task, None
        ended = task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        claim(not ended, f"the driver's run ended by itself: {task}")

    @property
    def now_s(self) -> float:
        """The loop's time."""
        return asyncio.get_running_loop().time()

    @property
    def belt_mps(self) -> float:
        """The true belt speed, forward positive."""
        return self.wire.device.speed_mps(self.now_s)

    @property
    def last(self) -> DriveReport:
        """The newest report."""
        return self.reports[-1]

    def order(self, mode: DriveMode, speed_mps: float = 0.0, direction: Direction | None = None) -> DriveOrder:
        """A new order, numbered as the core does: by one whenever mode or direction changes."""
        direction = direction or self._order.direction
        changed = mode is not self._order.mode or direction is not self._order.direction
        self._order = DriveOrder(mode, speed_mps, direction, None, self._order.order_id + changed)
        return self._order

    async def keep(self, order: DriveOrder, seconds: float) -> None:
        """Apply the order every 20 ms, as the daemon does, for so long."""
        self.begin()
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            self.drive.apply(order)
            await asyncio.sleep(APPLY_EVERY_S)

    async def ready(self) -> None:
        """Wait at a stop until all holds that the core asks for before a start: identified, watchdog attested, stop confirmed, belt measured at rest."""
        self.begin()
        order = self.order(DriveMode.STOP)
        for _ in range(500):
            self.drive.apply(order)
            await asyncio.sleep(APPLY_EVERY_S)
            if self.reports and self._may_start(order):
                return
        raise AssertionError(f"the drive was not ready within 10 s: {self.reports[-1:]}")

    def _may_start(self, order: DriveOrder) -> bool:
        last = self.last
        attested = last.watchdog_s is not None and last.watchdog_s <= self.watchdog_limit_s
        stands = last.status is not None and last.status.motion.speed_mps < STILL_MPS
        return last.identified and attested and stands and last.confirmed_order >= order.order_id

    async def up_to_speed(self, speed_mps: float = 1.0, direction: Direction = Direction.FORWARD) -> DriveOrder:
        """Get ready, then run until the belt is nearly as fast as ordered, and half a second more."""
        await self.ready()
        order = self.order(DriveMode.RUN, speed_mps, direction)
        for _ in range(30):
            await self.keep(order, 0.5)
            if abs(self.belt_mps) > 0.9 * speed_mps:
                await self.keep(order, 0.5)
                return order
        raise AssertionError(f"the belt runs at {self.belt_mps} m/s, not at {speed_mps}")

    async def to_rest(self, order: DriveOrder, within_s: float = 10.0) -> None:
        """Keep the order until the belt stands, and 0.2 s more."""
        until_s = self.now_s + within_s
        while abs(self.belt_mps) >= STILL_MPS and self.now_s < until_s:
            await self.keep(order, 0.1)
        await self.keep(order, 0.2)

    def since(self, at_s: float, *, strictly: bool = False) -> list[WireFrame]:
        """The frames written from `at_s` on."""
        return [frame for frame in self.wire.frames if frame.at_s > at_s or (frame.at_s == at_s and not strictly)]

    def writes(self, frames: Sequence[WireFrame]) -> list[WireFrame]:
        """Those that change something in the device."""
        return [frame for frame in frames if self.meaning(frame.data).writes]

    def driving(self, frames: Sequence[WireFrame]) -> list[WireFrame]:
        """Those that ask for a speed above zero."""
        return [frame for frame in frames if self.meaning(frame.data).drives]


def claim(holds: bool, otherwise: str) -> None:
    """Raise AssertionError with a reason unless the claim holds."""
    if not holds:
        raise AssertionError(otherwise)


class DriveConformance:
    """Inherited by the tests of every drive; see the module's text."""

    async def test_a_good_machine_is_identified_attested_and_measured(self, bench: DriveBench) -> None:
        """The healthy case, so that the others prove something."""
        await bench.up_to_speed(1.0)
        status = bench.last.status
        claim(bench.last.identified and bench.last.watchdog_s is not None, f"not identified or not attested: {bench.last}")
        claim(status is not None and abs(status.motion.speed_mps - 1.0) < 0.1, f"measured {status}")
        claim(status is not None and status.motion.direction is Direction.FORWARD, f"measured {status}")

    async def test_nothing_is_written_to_a_machine_that_is_not_the_configured_one(self, bench: DriveBench) -> None:
        """Read only, even under an order to run."""
        bench.disguise()
        await bench.keep(bench.order(DriveMode.STOP), 1.0)
        await bench.keep(bench.order(DriveMode.RUN, 1.0), 2.0)
        await bench.keep(bench.order(DriveMode.POWER_OFF), 1.0)
        claim(bool(bench.wire.frames), "the driver said nothing at all")
        claim(not bench.writes(bench.wire.frames), f"wrote {[f.data.hex() for f in bench.writes(bench.wire.frames)][:5]}")
        claim(not any(report.identified for report in bench.reports), "reported as identified")

    async def test_nothing_is_written_before_the_identity_was_read(self, bench: DriveBench) -> None:
        """The first write comes after a report that says identified."""
        await bench.ready()
        first_write = bench.writes(bench.wire.frames)[0]
        identified_s = min(report.at_s for report in bench.reports if report.identified)
        claim(bench.wire.frames[0].at_s < first_write.at_s, "a write was the first frame of all")
        claim(identified_s <= first_write.at_s + 1e-9 or first_write.at_s >= bench.wire.frames[1].at_s, "a write came before the identity")

    async def test_each_stop_is_its_golden_frame(self, bench: DriveBench) -> None:
        """Byte for byte, first write after the order; then confirmed, and the belt stands."""
        for mode in STOPS:
            await bench.up_to_speed(0.6)
            stop = bench.order(mode)
            at_s = bench.now_s
            await bench.to_rest(stop)
            first = bench.writes(bench.since(at_s))[0]
            claim(first.data in bench.stop_frames[mode], f"{mode.name}: first write was {first.data.hex(' ')}")
            claim(bench.last.confirmed_order >= stop.order_id, f"{mode.name} was never confirmed: {bench.last}")
            claim(abs(bench.belt_mps) < STILL_MPS, f"{mode.name}: the belt still runs at {bench.belt_mps} m/s")

    async def test_a_stop_is_the_very_next_frame_at_every_phase_of_the_poll(self, bench: DriveBench) -> None:
        """Whatever is in flight or queued: after the order the next frame is the stop, and it leaves within one exchange."""
        await bench.up_to_speed(0.5)
        for phase in range(16):
            run = bench.order(DriveMode.RUN, 0.5)
            await bench.keep(run, 0.5)
            await asyncio.sleep(phase * 0.0025)
            bench.drive.apply(replace(run, speed_mps=0.4))
            count, at_s = len(bench.wire.frames), bench.now_s
            stop = bench.order(DriveMode.STOP)
            bench.drive.apply(stop)
            await bench.keep(stop, 0.1)
            following = bench.wire.frames[count:]
            claim(bool(following) and bench.meaning(following[0].data).stop, f"phase {phase}: {[f.data.hex() for f in following[:3]]} left first")
            claim(following[0].at_s - at_s <= bench.worst_exchange_s, f"phase {phase}: {following[0].at_s - at_s} s until the stop")
            await bench.to_rest(stop)

    async def test_after_a_stop_no_frame_asks_for_speed_until_a_new_run(self, bench: DriveBench) -> None:
        """Not one queued setpoint, not one repetition. Then a new order runs again."""
        await bench.up_to_speed(1.0)
        at_s = bench.now_s
        await bench.keep(bench.order(DriveMode.STOP), 4.0)
        claim(not bench.driving(bench.since(at_s)), f"{[f.data.hex() for f in bench.driving(bench.since(at_s))]} after the stop")
        await bench.keep(bench.order(DriveMode.RUN, 0.5), 3.0)
        claim(abs(bench.belt_mps) > 0.3, "a new order did not run the belt")

    async def test_setpoints_are_truncated_toward_zero(self, bench: DriveBench) -> None:
        """Never a step more than ordered, and never more than one step less."""
        await bench.up_to_speed(0.5)
        step_mps = bench.drive.capabilities.speed_step_mps
        for hundredths in range(50, 90, 5):
            wanted_mps = hundredths / 100 + 0.0049
            await bench.keep(bench.order(DriveMode.RUN, wanted_mps), 0.5)
            speeds = [bench.meaning(frame.data).speed_mps for frame in bench.wire.frames]
            sent_mps = [speed for speed in speeds if speed is not None][-1]
            claim(wanted_mps - step_mps - 1e-9 < sent_mps <= wanted_mps + 1e-9, f"{wanted_mps} m/s was sent as {sent_mps}")

    async def test_the_direction_never_changes_while_the_belt_moves(self, bench: DriveBench) -> None:
        """An order in the other direction first brings the belt to rest. No frame, not even one of zero speed, carries the other direction before."""
        if Direction.REVERSE not in bench.drive.capabilities.directions:
            return
        await bench.up_to_speed(1.0)
        at_s = bench.now_s
        await bench.keep(bench.order(DriveMode.RUN, 0.8, Direction.REVERSE), 6.0)
        await bench.keep(bench.order(DriveMode.RUN, 0.8, Direction.FORWARD), 6.0)
        turned = 0
        before = Direction.FORWARD
        for frame in bench.since(at_s):
            direction = bench.meaning(frame.data).direction
            if direction is not None and direction is not before:
                turned += 1
                before = direction
                claim(abs(frame.belt_mps) < STILL_MPS, f"{frame.data.hex(' ')} at {frame.belt_mps} m/s")
        claim(turned == 2, f"the belt turned {turned} times, not twice")

    async def test_an_order_not_renewed_becomes_a_stop(self, bench: DriveBench) -> None:
        """The lease: 0.2 s after the last apply the driver stops by itself, and stays so."""
        await bench.up_to_speed(1.0)
        at_s = bench.now_s
        await asyncio.sleep(4.0)
        stops = [frame for frame in bench.since(at_s) if bench.meaning(frame.data).stop]
        claim(bool(stops), "no stop was sent")
        claim(stops[0].at_s - at_s <= 0.2 + 0.05 + bench.worst_exchange_s, f"the stop came {stops[0].at_s - at_s} s after the last apply")
        claim(not bench.driving(bench.since(stops[0].at_s)), "a speed was sent after the lease ended")
        claim(abs(bench.belt_mps) < STILL_MPS, f"the belt still runs at {bench.belt_mps} m/s")

    async def test_every_frame_of_a_session_is_in_the_documented_map(self, bench: DriveBench) -> None:
        """The negative scan: no register and no command byte outside the driver's own map, in any mode or direction."""
        for direction in sorted(bench.drive.capabilities.directions):
            await bench.up_to_speed(0.5, direction)
            for mode in STOPS:
                await bench.to_rest(bench.order(mode))
        bench.wire.cut()
        await asyncio.sleep(1.0)
        bench.wire.mend()
        await bench.keep(bench.order(DriveMode.STOP), 2.0)
        outside = sorted({frame.data.hex(" ") for frame in bench.wire.frames if not bench.meaning(frame.data).in_map})
        claim(not outside, f"outside the map: {outside}")

    async def test_a_reply_to_another_request_confirms_nothing(self, bench: DriveBench) -> None:
        """Well-formed answers to other questions: the stop stays unconfirmed and is repeated; the drive's state is not believed."""
        await bench.up_to_speed(1.0)
        wire = bench.wire
        wire.tamper = lambda request, reply: bench.foreign(request)
        at_s = bench.now_s
        stop = bench.order(DriveMode.STOP)
        await bench.keep(stop, 1.0)
        claim(bench.last.confirmed_order < stop.order_id, "a foreign reply confirmed the stop")
        check_repeats(bench, at_s)

    async def test_a_stop_acknowledged_with_the_wrong_reply_is_not_confirmed_though_the_belt_stops(self, bench: DriveBench) -> None:
        """Reads are honest, the machine obeys, only the acknowledgement belongs to another request: not enough."""
        await bench.up_to_speed(1.0)
        bench.wire.tamper = lambda request, reply: bench.foreign(request) if bench.meaning(request).writes else reply
        stop = bench.order(DriveMode.STOP)
        await bench.keep(stop, 3.0)
        claim(bench.last.confirmed_order < stop.order_id, "a foreign acknowledgement confirmed the stop")

    async def test_a_silent_machine_hears_the_stop_again_and_again(self, bench: DriveBench) -> None:
        """No reply at all: the stop is repeated within 50 ms of the end of each exchange, nothing is confirmed, no status is reported as good."""
        await bench.up_to_speed(1.0)
        bench.wire.tamper = mute
        at_s = bench.now_s
        stop = bench.order(DriveMode.STOP)
        await bench.keep(stop, 1.0)
        claim(bench.last.confirmed_order < stop.order_id, "silence confirmed the stop")
        claim(bench.last.at_s < at_s + 0.5 or bench.last.status is None, "silence was reported as a status")
        check_repeats(bench, at_s)

    async def test_after_a_lost_link_the_first_write_is_a_stop_and_the_old_order_is_void(self, bench: DriveBench) -> None:
        """Reconnecting never starts or goes on; only a newer order to run does."""
        run = await bench.up_to_speed(1.0)
        bench.wire.cut()
        await bench.keep(run, 0.3)
        claim(bench.last.status is None and not bench.last.identified, f"the lost link was not reported: {bench.last}")
        bench.wire.mend()
        at_s = bench.now_s
        await bench.keep(run, 2.0)
        writes = bench.writes(bench.since(at_s))
        claim(bool(writes) and bench.meaning(writes[0].data).stop, f"first write after the reconnect: {[f.data.hex() for f in writes[:1]]}")
        claim(not bench.driving(bench.since(at_s)), "the order from before the loss went on by itself")
        await bench.keep(bench.order(DriveMode.STOP), 3.0)
        await bench.keep(bench.order(DriveMode.RUN, 0.5), 3.0)
        claim(abs(bench.belt_mps) > 0.3, "a new order did not run the belt")

    async def test_an_order_to_run_given_before_the_link_is_up_moves_nothing(self, bench: DriveBench) -> None:
        """Start-up: an order older than the connection is void."""
        bench.wire.cut()
        bench.begin()
        await asyncio.sleep(0.5)
        run = replace(bench.order(DriveMode.RUN, 1.0))
        await bench.keep(run, 0.2)
        bench.wire.mend()
        await bench.keep(run, 3.0)
        claim(not bench.driving(bench.wire.frames), "the belt was started by a reconnect")
        claim(abs(bench.belt_mps) < STILL_MPS, f"the belt runs at {bench.belt_mps} m/s")


def check_repeats(bench: DriveBench, at_s: float) -> None:
    """The stop ordered at `at_s` left at once and kept leaving, never more than 50 ms plus one exchange apart."""
    stops = [frame.at_s for frame in bench.since(at_s) if bench.meaning(frame.data).stop]
    claim(len(stops) >= 5, f"only {len(stops)} stop frames in a second")
    gaps = [later - earlier for earlier, later in zip([at_s, *stops], stops, strict=False)]
    claim(max(gaps) <= 0.05 + bench.worst_exchange_s, f"{max(gaps)} s between two stop frames")
    claim(not bench.driving(bench.since(at_s)), "a speed was sent after the stop")
