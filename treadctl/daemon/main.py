"""The daemon's entry: check the machine file, then serve. `python -m treadctl.daemon.main FILE` is what the unit starts."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

from treadctl.config.machine import MachineConfig, load_machine
from treadctl.daemon.service import Service
from treadctl.errors import TreadctlError

EXIT_BAD_INPUT = 2


def run(machine_file: Path) -> int:
    """Serve the machine until told to end; returns the exit code. Bad input is one sentence on standard error and exit code 2."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    try:
        config = load_machine(machine_file)
        for remark in config.remarks():
            logging.getLogger("treadctl.daemon").info("%s", remark)
        return asyncio.run(_serve(config))
    except TreadctlError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_BAD_INPUT


async def _serve(config: MachineConfig) -> int:
    return await Service(config).serve()


if __name__ == "__main__":
    sys.exit(run(Path(sys.argv[1])))
