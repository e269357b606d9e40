"""Prints the fault switchboard as a page: `python -m treadctl_hil.faults_reference docs/reference/faults.md [--check]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from treadctl_hil.faults import FAULTS

LAYERS: Final = {
    "body": "What a device says, with a correct check sum",
    "frame": "The bytes of a reply on the wire",
    "delivery": "When and how often a reply comes",
    "device": "A device on the wire",
    "plant": "Drive and belt",
    "sensor": "Sensors, contacts and the boards that read them",
    "port": "The port on the computer",
}


def page() -> str:
    """The whole page, one table for each layer."""
    out = [
        "# The faults of the simulated treadmill",
        "<!-- Printed by `make docs` from the code. Change the table named below, not this page. -->",
        "",
        f"Source: `FAULTS` in [`hil/treadctl_hil/faults.py`](../../hil/treadctl_hil/faults.py): {len(FAULTS)} rows. Thrown with",
        "`treadctl demo --fault NAME@SECONDS` or over the [control socket](simulated-belt.md). `expected` is what the daemon is held to.",
        "",
    ]
    for layer, title in LAYERS.items():
        out += [f"## {title}", "| fault | what happens | expected | parameters |", "| --- | --- | --- | --- |"]
        for kind in FAULTS:
            if kind.layer == layer:
                params = ", ".join(f"`{key}={value}`" for key, value in kind.params.items())
                out.append(f"| `{kind.name}` | {kind.what} | {kind.expect} | {params} |")
        out.append("")
    return "\n".join(out)


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with --check compare it; 0 done or fresh, 1 stale."""
    path, check = Path(arguments[0]), "--check" in arguments[1:]
    stale = not path.exists() or path.read_text(encoding="utf-8") != page()
    if stale:
        sys.stdout.write(f"{path}: stale, run `make docs`\n" if check else f"wrote {path}\n")
    if stale and not check:
        path.write_text(page(), encoding="utf-8")
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
