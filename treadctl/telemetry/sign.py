"""Print a signed stop, for senders that cannot compute one: `python -m treadctl.telemetry.sign --key-file FILE --machine ID --actor NAME`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from treadctl.telemetry.command import signed_stop


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the payload of one stop to standard output. It is good for 2 s."""
    parser = argparse.ArgumentParser(description="Print the payload of a stop command, good for 2 s.")
    parser.add_argument("--key-file", type=Path, required=True, help="the key of [stop] in telemetry.toml")
    parser.add_argument("--machine", required=True, help="the machine's id in topics")
    parser.add_argument("--actor", required=True, help="what asks: letters, digits, . _ -; no person's name")
    given = parser.parse_args(arguments)
    key = given.key_file.read_bytes().rstrip(b"\r\n")
    sys.stdout.write(signed_stop(key, given.machine, uuid4().hex, given.actor, datetime.now(UTC)).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
