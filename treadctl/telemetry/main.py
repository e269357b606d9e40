"""The process: `treadctl telemetry --config FILE`, or `python -m treadctl.telemetry --config FILE`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from treadctl.errors import TreadctlError
from treadctl.telemetry.bridge import Bridge
from treadctl.telemetry.settings import Secrets, Settings, load
from treadctl.telemetry.socket_feed import SocketFeed


def run(config: Path) -> int:
    """Serve until SIGTERM or SIGINT. Exit code 0, or 2 after a message about the configuration."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings, secrets = load(config)
        asyncio.run(_serve(settings, secrets))
    except TreadctlError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


async def _serve(settings: Settings, secrets: Secrets) -> None:
    bridge = Bridge(settings, secrets, SocketFeed(Path(settings.socket), settings.telemetry.rate_hz))
    serving = asyncio.create_task(bridge.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        logging.getLogger("treadctl.telemetry").info("asked to end")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry for `python -m treadctl.telemetry`."""
    parser = argparse.ArgumentParser(prog="treadctl telemetry", description="Publish the treadmill's state over MQTT.")
    parser.add_argument("--config", type=Path, required=True, help="telemetry.toml")
    return run(parser.parse_args(arguments).config)
