"""Where the files that ship with treadctl lie: beside the package in a checkout, under the environment's share folder when installed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from treadctl.errors import TreadctlError

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_SHARE: Final = Path(sys.prefix) / "share" / "treadctl"


def shipped(*names: str) -> Path:
    """The file `names` (such as "profiles", "demo.toml"). Raises TreadctlError where it is in neither place."""
    for root in (_CHECKOUT, _SHARE):
        path = root.joinpath(*names)
        if path.exists():
            return path
    raise TreadctlError("file_missing", str(_SHARE.joinpath(*names)), "it ships with treadctl; install it again")
