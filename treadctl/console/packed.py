"""The files of the pages: scripts and styles, sent packed where a packed copy was built and the browser takes it.

Only these are ever packed. A page shows tokens beside what its visitor typed, and the length of a packed answer would tell of both; live events must not wait
for a packer.
"""

from __future__ import annotations

import os
from typing import Final

from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

SUFFIX: Final = ".gz"


class PackedFiles(StaticFiles):
    """As StaticFiles; a file beside which one of the same name and `.gz` stands, not older, is sent as that."""

    def file_response(self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200) -> Response:
        """The file, or what says that the browser has it."""
        packed = packed_copy(full_path, stat_result) if takes_gzip(Headers(scope=scope).get("accept-encoding", "")) else None
        if packed is None:
            answer = super().file_response(full_path, stat_result, scope, status_code)
        else:
            answer = super().file_response(os.fspath(full_path) + SUFFIX, packed, scope, status_code)
            answer.headers["Content-Encoding"] = "gzip"
        answer.headers["Vary"] = "Accept-Encoding"
        return answer


def packed_copy(full_path: str | os.PathLike[str], plain: os.stat_result) -> os.stat_result | None:
    """Of the packed copy of a file; None where there is none that is as new."""
    try:
        packed = os.stat(os.fspath(full_path) + SUFFIX)  # noqa: PTH116 - what StaticFiles works with
    except OSError:
        return None
    return packed if packed.st_mtime >= plain.st_mtime else None


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip and does not refuse it."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in {"gzip", "x-gzip"}:
            try:
                return float(weight.partition("=")[2] or 1.0) > 0.0
            except ValueError:
                return False
    return False
