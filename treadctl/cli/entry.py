"""The command `treadctl`. `treadctl stop` takes a path of its own that loads nothing but what it needs."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line in `sys.argv` and return its exit code: 0 done, 1 refused or failed, 2 bad input."""
    if len(sys.argv) > 1 and sys.argv[1] == "stop":
        from treadctl.cli.stop import stop  # noqa: PLC0415 - each path loads only its own

        return stop(sys.argv[2:])
    from treadctl.cli.app import run  # noqa: PLC0415

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
