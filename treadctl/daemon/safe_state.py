"""Safe state: one stop to the drive from a process of its own, for ExecStopPost. `python -m treadctl.daemon.safe_state FILE`.

It runs after every end of the daemon, also after a crash or a watchdog kill. The drive's own watchdog is what stops the belt when nothing of ours runs;
this only makes sure that it is at rest before anybody looks. It reads no sensor, starts nothing, and ends within `LIMIT_S`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

from treadctl.config.machine import MachineConfig, load_machine
from treadctl.core.messages import DriveMode, DriveOrder
from treadctl.core.sample import Direction
from treadctl.daemon.assembly import assemble
from treadctl.errors import TreadctlError
from treadctl.ports import DriveReport

LIMIT_S: Final = 3.0
RENEW_S: Final = 0.05
ORDER: Final = DriveOrder(DriveMode.STOP, 0.0, Direction.FORWARD, None, 1)


async def bring_to_rest(config: MachineConfig) -> bool:
    """Order the stop until the drive has confirmed it by echo and read-back; False when it did not within the limit."""
    machine = assemble(config, time.monotonic)
    confirmed = asyncio.Event()

    def listen(report: DriveReport) -> None:
        if report.confirmed_order >= ORDER.order_id:
            confirmed.set()

    machine.enable.set_enable(False)
    drive = asyncio.get_running_loop().create_task(machine.drive.run(listen))
    deadline_s = time.monotonic() + LIMIT_S
    try:
        while not confirmed.is_set() and time.monotonic() < deadline_s:
            machine.drive.apply(ORDER)
            try:
                await asyncio.wait_for(confirmed.wait(), RENEW_S)
            except TimeoutError:
                continue
    finally:
        drive.cancel()
        await asyncio.gather(drive, return_exceptions=True)
    return confirmed.is_set()


def main(machine_file: Path) -> int:
    """Exit code 0 when the drive confirmed, 1 when not, 2 for bad input."""
    try:
        done = asyncio.run(bring_to_rest(load_machine(machine_file)))
    except TreadctlError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stderr.write("safe state: the drive confirmed the stop\n" if done else "safe state: the drive did NOT confirm; its own watchdog must act\n")
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
