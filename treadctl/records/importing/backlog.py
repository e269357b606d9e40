"""How much of a journal is not in the store yet."""

from __future__ import annotations

from pathlib import Path

from treadctl.journal._scan import segment_paths
from treadctl.records.importing.cursor import Cursor


def waiting_bytes(journal: Path, cursor: Cursor) -> int:
    """Bytes of the journal from the cursor on; 0 where there is no journal. Some of them wait for the end of a session that is under way."""
    try:
        segments = segment_paths(journal)
    except OSError:
        return 0
    waiting = 0
    for path in segments:
        number = int(path.stem)
        if number >= cursor.segment:
            size = path.stat().st_size
            waiting += max(0, size - cursor.offset) if number == cursor.segment else size
    return waiting
